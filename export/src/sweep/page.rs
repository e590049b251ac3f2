//! A sweep as a page and as a picture.

use super::{Bounds, Latency, Point, Preference, Quality, Sweep, pick};
use crate::figures::{byte_unit, bytes, cosine, milliseconds, percent};
use crate::markup::Markup;
use crate::page::{Column, Fact, Heading, Row, Tile, page as whole_page};
use crate::plot::{Ground, Mark, Measure, Point as Dot, Scatter, scatters};

/// One self-contained page, but for its links to the candidates' own.
pub(super) fn page(sweep: &Sweep) -> String {
    let title = format!("{}, every way to store it", sweep.name);
    whole_page(&title, |main| {
        head(main, sweep);
        main.tiles(&tiles(sweep));
        let heading = Heading {
            title: "What is traded for what",
            lede:
                "On the line are those that nothing else beats: no other is both as small, or as \
                   fast, and as close to the float model."
                    .to_owned(),
        };
        main.section(&heading, |section| {
            section.figure(&fronts(sweep, Ground::Page))
        });
        all(main, sweep);
        choose(main);
        method(main, sweep);
    })
}

/// The fronts as a file of their own.
pub(super) fn picture(sweep: &Sweep) -> String {
    fronts(sweep, Ground::Own).into_string() + "\n"
}

fn head(main: &mut Markup, sweep: &Sweep) {
    let (passed, tried) = (sweep.passed().count(), sweep.points.len());
    main.element("header", &[], |head| {
        head.element("div", &[("class", &"title")], |title| {
            title.leaf("h1", &[], &sweep.name);
            let class = if passed > 0 { "badge" } else { "badge missed" };
            let text = format!("{passed} of {tried} passed");
            title.leaf("span", &[("class", &class)], text);
        });
        let kind = format!("every way to store it, from {}", sweep.source);
        head.leaf("p", &[("class", &"kind")], kind);
        if passed == 0 {
            let text = "Nothing meets its thresholds; the table says what was missed.";
            head.leaf("p", &[("class", &"verdict")], text);
        }
    });
}

/// The best of those that passed, by three measures.
fn tiles(sweep: &Sweep) -> Vec<Tile> {
    let best = |name, preference, show: &dyn Fn(&Point) -> String| {
        let picked = pick(sweep, &Bounds::default(), preference)?;
        Some(Tile {
            name,
            value: picked.point.name.clone(),
            note: show(picked.point),
            is_met: true,
        })
    };
    let quality = |point: &Point| {
        let quality = point.quality(sweep.quality);
        quality.map_or_else(dash, |quality| measure(sweep).name(quality))
    };
    let time = |point: &Point| point.p50_ms().map_or_else(dash, milliseconds);
    let tiles = [
        best("Smallest", Preference::Smallest, &|point| {
            format!("{}, {}", size(point), quality(point))
        }),
        best("Fastest", Preference::Fastest, &|point| {
            format!("{}, {}", time(point), quality(point))
        }),
        best(
            "Closest to the float model",
            Preference::Closest,
            &|point| format!("{}, {}", quality(point), size(point)),
        ),
    ];
    tiles.into_iter().flatten().collect()
}

fn dash() -> String {
    "–".to_owned()
}

fn size(point: &Point) -> String {
    point.bytes.map_or_else(dash, bytes)
}

fn measure(sweep: &Sweep) -> Measure {
    match sweep.quality {
        Quality::TokenAgreement => Measure::Tokens,
        Quality::MeanCosine => Measure::MeanCosine,
    }
}

/// Size and latency against quality, side by side.
fn fronts(sweep: &Sweep, ground: Ground) -> Markup {
    let measure = measure(sweep);
    let largest = sweep.points.iter().filter_map(|point| point.bytes).max();
    let (unit, unit_name) = byte_unit(largest.unwrap_or(1) as f64);
    let panel = |cost: String,
                 of: &dyn Fn(&Point) -> Option<f64>,
                 detail: &dyn Fn(&Point) -> String,
                 on_front: fn(&Point) -> bool| {
        let dot = |point: &Point| {
            Some(Dot {
                name: point.name.clone(),
                detail: detail(point),
                cost: of(point)?,
                quality: point.quality(sweep.quality)?,
                mark: match (point.passed, on_front(point)) {
                    (true, true) => Mark::Front,
                    (true, false) => Mark::Beaten,
                    (false, _) => Mark::Refused,
                },
            })
        };
        Scatter {
            cost,
            measure,
            points: sweep.points.iter().filter_map(dot).collect(),
            bound: bound(sweep),
        }
    };
    let panels = [
        panel(
            format!("File size, {unit_name}"),
            &|point| point.bytes.map(|bytes| bytes as f64 / unit),
            &size,
            |point| point.on_size_front,
        ),
        panel(
            format!("Median latency on {}, ms", threads(sweep.machine.threads)),
            &Point::p50_ms,
            &|point| point.p50_ms().map_or_else(dash, milliseconds),
            |point| point.on_latency_front,
        ),
    ];
    scatters(ground, "Size and latency against agreement", &panels)
}

/// The lowest agreement allowed, where it is one for all and what is drawn.
fn bound(sweep: &Sweep) -> Option<f64> {
    let reports = sweep
        .points
        .iter()
        .filter_map(|point| point.report.as_ref());
    let mut bounds = reports.map(|report| report.thresholds.min_token_agreement);
    let first = bounds
        .next()
        .filter(|_| sweep.quality == Quality::TokenAgreement)?;
    bounds.all(|bound| bound == first).then(|| first.into())
}

fn threads(count: usize) -> String {
    match count {
        1 => "1 thread".to_owned(),
        count => format!("{count} threads"),
    }
}

/// All candidates, the refused with their reasons.
fn all(main: &mut Markup, sweep: &Sweep) {
    let heading = Heading {
        title: "All that were tried",
        lede:
            "Times are median and nine tenths, milliseconds an image. A file that was refused has \
               none: a latency is shown only of outputs that are right."
                .to_owned(),
    };
    let columns = [
        Column::Text("scheme"),
        Column::Number("size"),
        Column::Number("tokens kept"),
        Column::Number("lowest cosine"),
        Column::Number("all threads"),
        Column::Number("1 thread"),
        Column::Code("worst layer"),
        Column::Text("front"),
    ];
    main.section(&heading, |section| {
        let rows: Vec<Row> = sweep.points.iter().map(|point| row(point, sweep)).collect();
        section.table(&columns, &rows);
        let refused = sweep.points.iter().filter(|point| !point.passed);
        let reasons: Vec<String> = refused
            .map(|point| format!("{} was refused: {}", point.name, point.failures.join("; ")))
            .collect();
        if !reasons.is_empty() {
            section.element("ul", &[("class", &"reasons after")], |list| {
                for reason in reasons {
                    list.leaf("li", &[], reason);
                }
            });
        }
    });
}

fn row(point: &Point, sweep: &Sweep) -> Row {
    let time = |threads: usize| {
        let latency = point.latencies.iter().find(|l| l.threads == threads);
        latency.map_or_else(dash, times)
    };
    let worst = point.report.as_ref().and_then(|r| r.worst_layer.as_ref());
    Row {
        class: match (point.passed, point.on_size_front || point.on_latency_front) {
            (false, _) => "refused",
            (true, true) => "front",
            (true, false) => "beaten",
        },
        link: point.page.clone(),
        cells: vec![
            point.name.clone(),
            size(point),
            point.token_agreement.map_or_else(dash, percent),
            point.min_cosine.map_or_else(dash, cosine),
            time(sweep.machine.threads),
            time(1),
            worst.map_or_else(dash, |name| name.trim_end_matches(".weight").to_owned()),
            match (point.passed, point.on_size_front, point.on_latency_front) {
                (false, ..) => "refused",
                (true, true, true) => "size, speed",
                (true, true, false) => "size",
                (true, false, true) => "speed",
                (true, false, false) => "",
            }
            .to_owned(),
        ],
    }
}

fn times(latency: &Latency) -> String {
    let digits = if latency.p90_ms < 10.0 { 2 } else { 1 };
    format!("{:.digits$} / {:.digits$}", latency.p50_ms, latency.p90_ms)
}

fn choose(main: &mut Markup) {
    let heading = Heading {
        title: "Pick one",
        lede: "From the folder that holds this page:".to_owned(),
    };
    main.section(&heading, |section| {
        section.element("pre", &[], |code| {
            code.text(
                "mimlet pick . --min-agreement 0.99 -o model.mim    # the smallest that keeps 99 %\n\
                 mimlet pick . --budget 2MB -o model.mim            # the closest that fits\n\
                 mimlet pick . --max-ms 5 --prefer smallest -o model.mim",
            );
        });
    });
}

fn method(main: &mut Markup, sweep: &Sweep) {
    let runs = sweep.passed().flat_map(|point| &point.latencies);
    let runs = runs.map(|latency| latency.runs).min();
    let heading = Heading {
        title: "How it was measured",
        lede: String::new(),
    };
    let mut facts = vec![Fact::words("machine", sweep.machine.to_string())];
    if let Some(runs) = runs {
        let how = "of one image each, the files taking turns; every timed output was compared \
                   with the one that had passed";
        facts.push(Fact::words("times", format!("{runs} runs {how}")));
    }
    main.section(&heading, |section| section.facts(&facts));
}

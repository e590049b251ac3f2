//! A scatter plot of estimates against estimates.

use std::path::Path;

use embedded_graphics::geometry::Point;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::WebColors;

use super::statistics::Estimate;
use crate::error::TrainError;
use crate::picture::chart::{Axis, Chart, LETTER, WIDTH};

/// In the order of marks; beyond the last it begins anew.
const COLOURS: [Rgb888; 8] = [
    Rgb888::CSS_STEEL_BLUE,
    Rgb888::CSS_DARK_ORANGE,
    Rgb888::CSS_SEA_GREEN,
    Rgb888::CSS_CRIMSON,
    Rgb888::CSS_MEDIUM_PURPLE,
    Rgb888::CSS_SADDLE_BROWN,
    Rgb888::CSS_DARK_CYAN,
    Rgb888::CSS_DIM_GRAY,
];

/// One mark, with the 95 % intervals of both figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// What it stands for.
    pub label: String,
    /// Across.
    pub x: Estimate,
    /// Upwards.
    pub y: Estimate,
    /// Drawn as a ring, for a mark that is not quite like the others.
    pub hollow: bool,
}

/// What stands around the marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Titles {
    /// Above the plot: what goes upwards, and what is found.
    pub title: String,
    /// Below it: what goes across.
    pub across: String,
}

/// Draws `marks` as a PNG; without marks there is nothing to draw.
///
/// # Errors
/// [`TrainError::Io`].
pub fn write_scatter(path: &Path, titles: &Titles, marks: &[Mark]) -> Result<(), TrainError> {
    if marks.is_empty() {
        return Ok(());
    }
    let axis = |side: fn(&Mark) -> &Estimate| {
        let ends = || marks.iter().flat_map(|mark| ends(side(mark)));
        let (low, high) = (
            ends().fold(f64::MAX, f64::min),
            ends().fold(f64::MIN, f64::max),
        );
        // Room, so that no mark lies on the frame.
        let room = (0.05 * (high - low)).max(1e-3);
        Axis::around(low - room, high + room, 3)
    };
    let mut chart = Chart::new(axis(|mark| &mark.x), axis(|mark| &mark.y));
    chart.titles(&titles.title, &titles.across);
    let colours = COLOURS.iter().cycle();
    for (mark, &colour) in marks.iter().zip(colours.clone()) {
        let [left, right] = ends(&mark.x).map(|x| chart.point(x, mark.y.mean));
        let [low, high] = ends(&mark.y).map(|y| chart.point(mark.x.mean, y));
        whisker(&mut chart, [left, right], Point::new(0, 4), colour);
        whisker(&mut chart, [low, high], Point::new(4, 0), colour);
    }
    let centres: Vec<Point> = marks
        .iter()
        .map(|mark| chart.point(mark.x.mean, mark.y.mean))
        .collect();
    for ((mark, &at), &colour) in marks.iter().zip(&centres).zip(colours.clone()) {
        chart.mark(at, colour, mark.hollow);
    }
    let labels: Vec<&str> = marks.iter().map(|mark| mark.label.as_str()).collect();
    let places = place_labels(&labels, &centres);
    for ((label, place), &colour) in labels.iter().zip(places).zip(colours) {
        chart.label(label, [place.left, place.bottom - 3], colour);
    }
    chart.write(path)
}

/// The interval, or the mean twice.
fn ends(estimate: &Estimate) -> [f64; 2] {
    estimate.interval.unwrap_or([estimate.mean; 2])
}

/// A bar with a stroke across each end, which reaches `cap` to both sides.
fn whisker(chart: &mut Chart, ends: [Point; 2], cap: Point, colour: Rgb888) {
    chart.line(ends[0], ends[1], colour);
    for end in ends {
        chart.line(end - cap, end + cap, colour);
    }
}

/// The room that a label or a mark takes, pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rectangle {
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
}

impl Rectangle {
    fn meets(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}

/// A place for each label beside its mark: the first around it that is free of marks, of other
/// labels and of the picture's edge, or, in a crowd, the first.
fn place_labels(labels: &[&str], centres: &[Point]) -> Vec<Rectangle> {
    const GAP: i32 = 9;
    let around = |at: &Point| Rectangle {
        left: at.x - 6,
        right: at.x + 6,
        top: at.y - 6,
        bottom: at.y + 6,
    };
    let mut taken: Vec<Rectangle> = centres.iter().map(around).collect();
    let mut places = Vec::new();
    for (label, at) in labels.iter().zip(centres) {
        let [width, height] = [LETTER[0] * label.chars().count() as i32, LETTER[1]];
        let place = |left: i32, top: i32| Rectangle {
            left,
            right: left + width,
            top,
            bottom: top + height,
        };
        let (right, left) = (at.x + GAP, at.x - GAP - width);
        let (above, below) = (at.y - GAP - height, at.y + GAP);
        let rows = [
            above,
            below,
            at.y - height / 2,
            above - height,
            below + height,
        ];
        let candidates = rows
            .iter()
            .flat_map(|&top| [right, left, at.x - width / 2].map(|left| place(left, top)));
        let candidates: Vec<Rectangle> = candidates.collect();
        let free = |candidate: &&Rectangle| {
            candidate.left >= 0
                && candidate.right <= WIDTH as i32
                && !taken.iter().any(|other| candidate.meets(other))
        };
        let chosen = *candidates.iter().find(free).unwrap_or(&candidates[0]);
        taken.push(chosen);
        places.push(chosen);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_avoid_marks_each_other_and_the_edge() {
        let labels = [
            "random-projection",
            "pixels",
            "features",
            "labels",
            "random",
        ];
        let centres =
            [[700, 60], [690, 70], [300, 200], [302, 204], [4, 300]].map(|[x, y]| Point::new(x, y));
        let places = place_labels(&labels, &centres);
        for (index, place) in places.iter().enumerate() {
            assert!(place.left >= 0 && place.right <= WIDTH as i32, "{place:?}");
            let others = places
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != index);
            assert!(others.into_iter().all(|(_, other)| !place.meets(other)));
        }
    }

    #[test]
    fn a_plot_shows_every_mark() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scatter.png");
        let titles = Titles {
            title: "probe".into(),
            across: "TCAS".into(),
        };
        let mark = |x: f64, y: &[f64], hollow| Mark {
            label: format!("at {x}"),
            x: Estimate::of(&[x]).unwrap(),
            y: Estimate::of(y).unwrap(),
            hollow,
        };
        let marks = [mark(0.5, &[0.9, 0.92], false), mark(0.7, &[0.6], true)];
        write_scatter(&path, &titles, &marks).unwrap();
        let picture = image::open(&path).unwrap().to_rgb8();
        let shows = |colour: Rgb888| {
            use embedded_graphics::prelude::RgbColor;
            let wanted = [colour.r(), colour.g(), colour.b()];
            picture.pixels().filter(|pixel| pixel.0 == wanted).count() > 40
        };
        assert!(shows(COLOURS[0]) && shows(COLOURS[1]));
        let none = folder.path().join("none.png");
        write_scatter(&none, &titles, &[]).unwrap();
        assert!(!none.exists());
    }
}

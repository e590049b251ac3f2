//! The dashboard in text, for a terminal.

use mimlet_display::{Dashboard, Drift, Figure};

use crate::units::{count, milliseconds};

/// Columns of a figure's bar; its bounds lie at a quarter and three quarters.
const BAR: usize = 32;

/// The lines of a dashboard, each of at most `width` columns.
pub(super) fn lines(dashboard: &Dashboard<'_>, width: usize) -> Vec<String> {
    let mut lines = vec![format!(
        "{}  {}, {} skipped, {}",
        dashboard.title,
        count(dashboard.frames, "frame"),
        dashboard.skipped,
        milliseconds(dashboard.latency_ms)
    )];
    if let Some(alignment) = dashboard.tcas {
        lines.push(format!("TCAS          {:>9.3}", alignment.tcas));
    }
    match dashboard.drift {
        Drift::NotMeasured => lines.push("drift is not measured".to_string()),
        Drift::Collecting([done, of]) => lines.push(format!("first window {done}/{of}")),
        Drift::Measured { figures, filled } => {
            lines.extend(figures.iter().map(figure));
            lines.push(status(figures, filled));
        }
    }
    let cut = |line: &String| line.chars().take(width).collect();
    lines.iter().map(cut).collect()
}

fn figure(figure: &Figure<'_>) -> String {
    let [low, high] = figure.bounds;
    format!(
        "{:<13} {:>9.3}  {}  {low:.3} to {high:.3}",
        figure.name,
        figure.value,
        bar(figure)
    )
}

/// Where a figure lies: `o` within its bounds, `!` outside.
fn bar(figure: &Figure<'_>) -> String {
    let [low, high] = figure.bounds;
    let quarter = BAR / 4;
    let share = (figure.value - low) / (high - low).max(f64::MIN_POSITIVE);
    let column = quarter as f64 + share * (BAR - 2 * quarter - 1) as f64;
    let column = if column.is_nan() {
        f64::MAX
    } else {
        column.round()
    };
    // Saturates below 0.
    let place = (column as usize).min(BAR - 1);
    let sign = |column: usize| match column {
        _ if column == place && figure.is_inside() => 'o',
        _ if column == place => '!',
        _ if (quarter..BAR - quarter).contains(&column) => '=',
        _ => '.',
    };
    (0..BAR).map(sign).collect()
}

fn status(figures: &[Figure<'_>], [done, of]: [u32; 2]) -> String {
    let outside: Vec<&str> = figures
        .iter()
        .filter(|figure| !figure.is_inside())
        .map(|figure| figure.name)
        .collect();
    let verdict = if outside.is_empty() {
        "calm".to_string()
    } else {
        format!("DRIFT: {}", outside.join(", "))
    };
    format!("{verdict}  (next window {done}/{of})")
}

#[cfg(test)]
mod tests {
    use super::lines;
    use mimlet_display::{Dashboard, Drift, Figure};

    #[test]
    fn figures_lie_between_their_bounds_or_not() {
        let figure = |name, value| Figure {
            name,
            short: "",
            value,
            bounds: [1.0, 3.0],
        };
        let figures = [
            figure("low", 1.0),
            figure("middle", 2.0),
            figure("far", 90.0),
            figure("none", f64::NAN),
        ];
        let filled = [4, 32];
        let dashboard = Dashboard {
            title: "tiny",
            grid: [1, 1],
            tokens: &[0],
            frames: 36,
            skipped: 1,
            latency_ms: 2.5,
            drift: Drift::Measured {
                figures: &figures,
                filled,
            },
            tcas: None,
        };
        let expected = "\
tiny  36 frames, 1 skipped, 2.50 ms
low               1.000  ........o===============........  1.000 to 3.000
middle            2.000  ........========o=======........  1.000 to 3.000
far              90.000  ........================.......!  1.000 to 3.000
none                NaN  ........================.......!  1.000 to 3.000
DRIFT: far, none  (next window 4/32)";
        assert_eq!(lines(&dashboard, 80).join("\n"), expected);
        assert!(lines(&dashboard, 20).iter().all(|line| line.len() <= 20));
    }
}

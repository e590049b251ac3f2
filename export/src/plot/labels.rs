//! Names beside points, so that none covers another.

use super::Anchor;

/// Width of a character, on average, against the height of a line.
const CHARACTER: f64 = 7.0;
const LINE: f64 = 15.0;

/// A rectangle: left, top, right, bottom.
pub(super) type Area = [f64; 4];

/// Finds places for labels of points, one after the other.
#[derive(Debug)]
pub(super) struct Labels {
    bounds: Area,
    taken: Vec<Area>,
}

/// Where a label goes: its baseline's start, middle or end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub(super) at: [f64; 2],
    pub(super) anchor: Anchor,
}

impl Labels {
    /// Labels within `bounds`, off the points.
    pub(super) fn new(bounds: Area, points: &[[f64; 2]]) -> Self {
        let around = |[x, y]: &[f64; 2]| [x - 7.0, y - 7.0, x + 7.0, y + 7.0];
        Self {
            bounds,
            taken: points.iter().map(around).collect(),
        }
    }

    /// Keeps labels off an area as well.
    pub(super) fn keep_clear(&mut self, area: Area) {
        self.taken.push(area);
    }

    /// Keeps labels off a line of these points as well.
    pub(super) fn avoid(&mut self, line: &[[f64; 2]]) {
        for ends in line.windows(2) {
            let [x1, y1] = ends[0];
            let [x2, y2] = ends[1];
            self.taken.push([
                x1.min(x2) - 2.0,
                y1.min(y2) - 2.0,
                x1.max(x2) + 2.0,
                y1.max(y2) + 2.0,
            ]);
        }
    }

    /// A place for a label of `lines` lines, the longest of so many characters, beside a point:
    /// right, left, above, below or aslant, wherever it covers least.
    pub(super) fn place(&mut self, [x, y]: [f64; 2], characters: usize, lines: usize) -> Place {
        let width = characters as f64 * CHARACTER;
        let height = lines as f64 * LINE;
        let beside = y - height / 2.0;
        let candidates = [
            (Anchor::Start, x + 11.0, beside),
            (Anchor::End, x - 11.0, beside),
            (Anchor::Middle, x, y - height - 9.0),
            (Anchor::Middle, x, y + 9.0),
            (Anchor::Start, x + 8.0, y + 7.0),
            (Anchor::Start, x + 8.0, y - height - 7.0),
            (Anchor::End, x - 8.0, y + 7.0),
            (Anchor::End, x - 8.0, y - height - 7.0),
        ];
        let area = |(anchor, x, top): (Anchor, f64, f64)| {
            let left = match anchor {
                Anchor::Start => x,
                Anchor::Middle => x - width / 2.0,
                Anchor::End => x - width,
            };
            [left, top, left + width, top + height]
        };
        let cost = |candidate: &(Anchor, f64, f64)| self.cost(area(*candidate));
        let best = candidates
            .into_iter()
            .min_by(|a, b| cost(a).total_cmp(&cost(b)))
            .unwrap_or(candidates[0]);
        self.taken.push(area(best));
        Place {
            at: [best.1, best.2 + LINE * 0.78],
            anchor: best.0,
        }
    }

    /// Area that a label would share with others or have out of bounds.
    fn cost(&self, area: Area) -> f64 {
        let size =
            |[left, top, right, bottom]: Area| (right - left).max(0.0) * (bottom - top).max(0.0);
        let common = |other: &Area| {
            size([
                area[0].max(other[0]),
                area[1].max(other[1]),
                area[2].min(other[2]),
                area[3].min(other[3]),
            ])
        };
        let outside = size(area) - common(&self.bounds);
        self.taken.iter().map(common).sum::<f64>() + 10.0 * outside
    }
}

#[cfg(test)]
mod tests {
    use super::{Anchor, Labels};

    #[test]
    fn a_label_keeps_off_points_other_labels_and_the_edge() {
        let points = [[50.0, 50.0], [90.0, 50.0], [295.0, 50.0]];
        let mut labels = Labels::new([0.0, 0.0, 300.0, 100.0], &points);
        assert_eq!(
            labels.place(points[0], 5, 1).anchor,
            Anchor::End,
            "off the second"
        );
        assert_eq!(labels.place(points[1], 5, 1).anchor, Anchor::Start);
        assert_eq!(labels.place(points[2], 5, 1).anchor, Anchor::End, "inside");
    }
}

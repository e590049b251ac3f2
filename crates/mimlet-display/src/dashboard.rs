//! What is shown.

/// What a dashboard shows, borrowed from whoever watches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dashboard<'a> {
    /// Name of the model, in ASCII. What is too long is cut.
    pub title: &'a str,
    /// Rows and columns of patches.
    pub grid: [u32; 2],
    /// The last frame's token of each patch, `[rows * columns]`; empty without a codebook.
    pub tokens: &'a [u32],
    /// Frames seen.
    pub frames: u64,
    /// Frames that could not be read.
    pub skipped: u64,
    /// How long the last frame took to encode.
    pub latency_ms: f64,
    /// The last window.
    pub drift: Drift<'a>,
    /// How well tokens and classes align; `None` where no frame has a label.
    pub tcas: Option<Alignment>,
}

/// Whether the camera still shows what the model was exported with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Drift<'a> {
    /// The file has nothing to compare with.
    NotMeasured,
    /// The first window has this many images of that many.
    Collecting([u32; 2]),
    /// The last full window.
    Measured {
        /// Its figures; the first four are shown.
        figures: &'a [Figure<'a>],
        /// Images of the window that is being filled, and of a full one.
        filled: [u32; 2],
    },
}

/// A figure and its bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure<'a> {
    /// Its name, of at most 12 characters.
    pub name: &'a str,
    /// Its name on the smallest screens, of at most 3 characters.
    pub short: &'a str,
    /// Its value; NaN is outside all bounds.
    pub value: f64,
    /// Lowest and highest allowed.
    pub bounds: [f64; 2],
}

/// Token-Class Alignment Similarity, lower is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alignment {
    /// Of the labelled frames so far, 0..1.
    pub tcas: f64,
    /// Highest that the file's acceptance test allows, if it has labels.
    pub max: Option<f64>,
}

/// What the bottom line says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Status<'a> {
    NotMeasured,
    Collecting([u32; 2]),
    Calm,
    /// The first figure outside its bounds, and how many others are.
    Alarm(&'a Figure<'a>, usize),
}

impl Figure<'_> {
    /// Whether it is within its bounds.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        (self.bounds[0]..=self.bounds[1]).contains(&self.value)
    }
}

impl<'a> Drift<'a> {
    pub(crate) fn status(self) -> Status<'a> {
        match self {
            Self::NotMeasured => Status::NotMeasured,
            Self::Collecting(filled) => Status::Collecting(filled),
            Self::Measured { figures, .. } => {
                let mut outside = figures.iter().filter(|figure| !figure.is_inside());
                match outside.next() {
                    Some(first) => Status::Alarm(first, outside.count()),
                    None => Status::Calm,
                }
            }
        }
    }

    /// Images in the window, and of a full one.
    pub(crate) fn filled(self) -> Option<[u32; 2]> {
        match self {
            Self::NotMeasured => None,
            Self::Collecting(filled) | Self::Measured { filled, .. } => Some(filled),
        }
    }

    /// Of the last full window.
    pub(crate) fn figures(self) -> &'a [Figure<'a>] {
        match self {
            Self::Measured { figures, .. } => &figures[..figures.len().min(4)],
            Self::NotMeasured | Self::Collecting(_) => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Drift, Figure, Status};

    fn figure(value: f64) -> Figure<'static> {
        Figure {
            name: "figure",
            short: "fig",
            value,
            bounds: [1.0, 2.0],
        }
    }

    #[test]
    fn bounds_are_inside_and_nan_is_not() {
        for (value, inside) in [(1.0, true), (2.0, true), (0.99, false), (f64::NAN, false)] {
            assert_eq!(figure(value).is_inside(), inside, "{value}");
        }
    }

    #[test]
    fn the_first_figure_outside_is_named_and_the_rest_counted() {
        let figures = [figure(1.5), figure(3.0), figure(f64::NAN)];
        let filled = [0, 32];
        let status = |figures| Drift::Measured { figures, filled }.status();
        assert_eq!(status(&figures[..1]), Status::Calm);
        assert_eq!(status(&figures), Status::Alarm(&figures[1], 1));
    }
}

//! How often, and which, classes were named rightly.

use serde::{Deserialize, Serialize};

use crate::report::statistics::wilson_interval;

/// Classes from which on the five best guesses are scored too.
const MANY_CLASSES: usize = 11;

/// Accuracy of guesses, as a whole and by class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Images guessed.
    pub images: usize,
    /// Share of images whose class came first, 0..1.
    pub top1: f64,
    /// Wilson's 95 % interval of `top1`, for other images of the same kind.
    pub interval: [f64; 2],
    /// Share whose class was among the first five; with more than ten classes.
    pub top5: Option<f64>,
    /// By class, in label order.
    pub classes: Vec<ClassScore>,
    /// `[class][guess]`: images.
    pub confusion: Vec<Vec<u64>>,
}

/// Accuracy on one class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassScore {
    /// Its name.
    pub class: String,
    /// Images of it.
    pub images: u64,
    /// Share guessed rightly; none without images.
    pub accuracy: Option<f64>,
}

impl Score {
    /// Of `values`, `[images, classes]`: the higher, the likelier; of two that are equal the lower
    /// class comes first. `labels` are below the number of classes.
    ///
    /// # Panics
    /// When `values` and `labels` disagree in length.
    pub fn new(values: &[f64], labels: &[u32], class_names: &[String]) -> Self {
        let classes = class_names.len();
        assert_eq!(values.len(), labels.len() * classes, "values of each class");
        let mut confusion = vec![vec![0u64; classes]; classes];
        let (mut first, mut among_five) = (0, 0);
        for (values, &label) in values.chunks_exact(classes).zip(labels) {
            let rank = rank(values, label as usize);
            first += usize::from(rank == 0);
            among_five += usize::from(rank < 5);
            confusion[label as usize][best(values)] += 1;
        }
        let share = |hits: usize| hits as f64 / labels.len().max(1) as f64;
        let by_class = class_names.iter().zip(&confusion).enumerate();
        Self {
            images: labels.len(),
            top1: share(first),
            interval: wilson_interval(first, labels.len()),
            top5: (classes >= MANY_CLASSES).then(|| share(among_five)),
            classes: by_class
                .map(|(class, (name, row))| {
                    let images = row.iter().sum::<u64>();
                    ClassScore {
                        class: name.clone(),
                        images,
                        accuracy: (images > 0).then(|| row[class] as f64 / images as f64),
                    }
                })
                .collect(),
            confusion,
        }
    }
}

/// The class that comes first.
fn best(values: &[f64]) -> usize {
    (0..values.len()).fold(0, |best, class| {
        if values[class] > values[best] {
            class
        } else {
            best
        }
    })
}

/// How many classes come before `label`.
fn rank(values: &[f64], label: usize) -> usize {
    let before = |(class, value): (usize, &f64)| {
        *value > values[label] || (*value == values[label] && class < label)
    };
    values.iter().enumerate().filter(|at| before(*at)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|class| format!("c{class}")).collect()
    }

    #[test]
    fn counts_by_class_and_breaks_ties_downwards() {
        // Guesses 0, 1, 0 (a tie of all three), 2.
        let values = [5., 1., 0., 0., 9., 3., 2., 2., 2., 0., 1., 4.];
        let score = Score::new(&values, &[0, 0, 0, 2], &names(3));
        assert_eq!((score.images, score.top1, score.top5), (4, 0.75, None));
        assert_eq!(score.confusion, [[2, 1, 0], [0, 0, 0], [0, 0, 1]]);
        let accuracies: Vec<_> = score.classes.iter().map(|class| class.accuracy).collect();
        assert_eq!(accuracies, [Some(2.0 / 3.0), None, Some(1.0)]);
        let tied = Score::new(&[1.0; 3], &[2], &names(3));
        assert_eq!(tied.top1, 0.0);
    }

    #[test]
    fn five_guesses_count_with_more_than_ten_classes() {
        let values: Vec<f64> = (0..11).map(f64::from).collect();
        let top5 = |label| Score::new(&values, &[label], &names(11)).top5;
        assert_eq!((top5(6), top5(5)), (Some(1.0), Some(0.0)));
        // All equal: the five lowest classes come first.
        let equal = |label| Score::new(&[0.0; 11], &[label], &names(11)).top5;
        assert_eq!((equal(4), equal(5)), (Some(1.0), Some(0.0)));
    }
}

//! The images a model is calibrated and judged on.

/// An image at the model's input size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoldenImage {
    /// `[height, width, 3]`.
    pub pixels: Vec<u8>,
    /// Its class, an index into [`ExportOptions::class_names`](crate::ExportOptions::class_names).
    pub label: Option<u32>,
}

use crate::random::Random;

/// Images without meaning but with structure at every scale, for models that come without any: two
/// colours blended across the image, a wave over them, and soft-edged discs and bars on top.
///
/// The same seed gives the same images, and the first `n` of a longer list.
#[must_use]
pub fn synthetic_golden([height, width]: [u32; 2], count: usize, seed: u64) -> Vec<GoldenImage> {
    (0..count)
        .map(|index| {
            let scene = Scene::new(&mut Random::named(seed, &format!("image {index}")));
            GoldenImage {
                pixels: scene.draw(height, width),
                label: None,
            }
        })
        .collect()
}

/// What an image shows, in coordinates of -1..1.
struct Scene {
    from: [f64; 3],
    to: [f64; 3],
    /// Direction of the blend.
    angle: f64,
    /// Waves across the image, their direction and their strength.
    wave: [f64; 3],
    shapes: Vec<Shape>,
}

struct Shape {
    colour: [f64; 3],
    centre: [f64; 2],
    /// Half extents; a disc has one.
    half: [f64; 2],
    angle: f64,
    is_disc: bool,
}

impl Scene {
    fn new(random: &mut Random) -> Self {
        let turn = |random: &mut Random| random.between(0.0, std::f64::consts::TAU);
        let shapes = 3 + (random.unit() * 4.0) as usize;
        Self {
            from: colour(random),
            to: colour(random),
            angle: turn(random),
            wave: [
                random.between(2.0, 14.0),
                turn(random),
                random.between(0.0, 40.0),
            ],
            shapes: (0..shapes)
                .map(|_| Shape {
                    colour: colour(random),
                    centre: [random.between(-0.9, 0.9), random.between(-0.9, 0.9)],
                    half: [random.between(0.1, 0.5), random.between(0.05, 0.3)],
                    angle: turn(random),
                    is_disc: random.unit() < 0.5,
                })
                .collect(),
        }
    }

    fn draw(&self, height: u32, width: u32) -> Vec<u8> {
        let mut pixels = Vec::with_capacity(height as usize * width as usize * 3);
        let place = |i: u32, n: u32| (f64::from(i) + 0.5) / f64::from(n) * 2.0 - 1.0;
        for row in 0..height {
            for column in 0..width {
                let colour = self.at(place(column, width), place(row, height));
                pixels.extend(colour.map(|level| level.clamp(0.0, 255.0).round() as u8));
            }
        }
        pixels
    }

    fn at(&self, x: f64, y: f64) -> [f64; 3] {
        let along = |angle: f64| x * libm::cos(angle) + y * libm::sin(angle);
        let share = (along(self.angle) / std::f64::consts::SQRT_2 + 1.0) / 2.0;
        let [frequency, angle, strength] = self.wave;
        let wave = strength * libm::sin(frequency * along(angle));
        let mut colour: [f64; 3] =
            std::array::from_fn(|c| self.from[c] + (self.to[c] - self.from[c]) * share + wave);
        for shape in &self.shapes {
            let cover = shape.cover(x, y);
            for (level, own) in colour.iter_mut().zip(shape.colour) {
                *level += (own - *level) * cover;
            }
        }
        colour
    }
}

impl Shape {
    /// How much of a point the shape covers, 0..1, soft over a fiftieth of the image.
    fn cover(&self, x: f64, y: f64) -> f64 {
        let (x, y) = (x - self.centre[0], y - self.centre[1]);
        let (cos, sin) = (libm::cos(self.angle), libm::sin(self.angle));
        let (along, across) = (x * cos + y * sin, y * cos - x * sin);
        let outside = if self.is_disc {
            libm::sqrt(along * along + across * across) - self.half[0]
        } else {
            (along.abs() - self.half[0]).max(across.abs() - self.half[1])
        };
        (0.5 - outside / 0.04).clamp(0.0, 1.0)
    }
}

fn colour(random: &mut Random) -> [f64; 3] {
    std::array::from_fn(|_| random.between(0.0, 255.0))
}

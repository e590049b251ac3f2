//! Composes one picture: a shaded background, clutter, the textured shape, clutter again, noise.

use super::SIDE;
use super::canvas::{Canvas, Colour};
use super::shape::Shape;
use super::texture::Texture;
use crate::random::Stream;

/// Draws `shape` filled with `texture`; all else comes from the stream of `key`.
pub(crate) fn draw(shape: Shape, texture: Texture, key: &[u64]) -> Vec<u8> {
    let mut random = Stream::new(key);
    let mut canvas = background(&mut random);
    let behind = 1 + random.below(4);
    clutter(&mut canvas, behind, &mut random);
    subject(&mut canvas, shape, texture, &mut random);
    let before = random.below(2);
    clutter(&mut canvas, before, &mut random);
    let noise = random.range(0.005, 0.03);
    canvas.finish(noise, &mut random)
}

/// Sine and cosine of a random angle.
fn direction(random: &mut Stream) -> (f32, f32) {
    libm::sincosf(random.range(0.0, std::f32::consts::TAU))
}

/// A random colour of luminance about `light`, tinted at random.
fn colour(light: f32, random: &mut Stream) -> Colour {
    let tint = [(); 3].map(|()| random.range(-0.1, 0.1));
    let mean = tint.iter().sum::<f32>() / 3.0;
    tint.map(|t| (light + t - mean).clamp(0.02, 0.98))
}

/// A two-colour gradient in a random direction.
fn background(random: &mut Stream) -> Canvas {
    let light = random.range(0.4, 0.6);
    let from = colour(light, random);
    let to = colour(light + random.range(-0.1, 0.1), random);
    let (sin, cos) = direction(random);
    let side = SIDE as f32;
    Canvas::new(|x, y| {
        let along = ((x / side - 0.5) * cos + (y / side - 0.5) * sin + 0.5).clamp(0.0, 1.0);
        std::array::from_fn(|c| from[c] + (to[c] - from[c]) * along)
    })
}

/// Paints `count` plain blobs and strokes, none with a texture or a class's outline.
fn clutter(canvas: &mut Canvas, count: usize, random: &mut Stream) {
    for _ in 0..count {
        let centre = [(); 2].map(|()| random.range(0.0, SIDE as f32));
        let light = random.range(0.2, 0.8);
        let paint = colour(light, random);
        let (sin, cos) = direction(random);
        let long = random.range(2.0, 9.0);
        let thin = random.range(0.6, 2.5);
        canvas.paint(centre, long + 1.0, |x, y| {
            let (along, across) = (x * cos + y * sin, y * cos - x * sin);
            ((along / long).powi(2) + (across / thin).powi(2) < 1.0).then_some(paint)
        });
    }
}

/// Paints the shape in two paints of clearly different luminance.
fn subject(canvas: &mut Canvas, shape: Shape, texture: Texture, random: &mut Stream) {
    let scale = random.range(24.0, 32.0);
    // The shape may leave the picture by a fifth of its radius.
    let centre = [(); 2].map(|()| random.range(0.8 * scale, SIDE as f32 - 0.8 * scale));
    let (sin, cos) = direction(random);
    let (dark, light) = (random.range(0.1, 0.22), random.range(0.78, 0.9));
    let swap = random.below(2) == 1;
    let first = colour(if swap { light } else { dark }, random);
    let second = colour(if swap { dark } else { light }, random);
    let (texture_sin, texture_cos) = direction(random);
    let period = random.range(8.0, 10.5);
    let reach = if texture.is_centred() { 0.5 } else { 8.0 };
    let phase = [(); 2].map(|()| random.range(-reach, reach));
    let key = random.bits();
    canvas.paint(centre, 1.45 * scale, |x, y| {
        let (sx, sy) = ((x * cos + y * sin) / scale, (y * cos - x * sin) / scale);
        (shape.distance(sx, sy) < 0.0).then(|| {
            let u = (x * texture_cos + y * texture_sin) / period + phase[0];
            let v = (y * texture_cos - x * texture_sin) / period + phase[1];
            if texture.second_paint(u, v, key) {
                second
            } else {
                first
            }
        })
    });
}

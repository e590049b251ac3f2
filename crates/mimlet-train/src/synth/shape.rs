//! The ten outlines, as signed distances in the shape's own frame (unit circumradius, y down).
//!
//! Formulas after Quilez, "2D distance functions" (iquilezles.org); only the sign and the zero
//! line matter here, so the cheap bounds are used.

use std::f32::consts::PI;

use libm::{atan2f, cosf, hypotf, sinf};

/// An outline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Disc,
    Ring,
    Triangle,
    Square,
    Star,
    Cross,
    Crescent,
    Hexagon,
    Corner,
    Bars,
}

impl Shape {
    /// Signed distance of `(x, y)`: negative inside.
    pub(crate) fn distance(self, x: f32, y: f32) -> f32 {
        match self {
            Self::Disc => hypotf(x, y) - 0.92,
            Self::Ring => (hypotf(x, y) - 0.7).abs() - 0.3,
            Self::Triangle => polygon(x, y, 3.0, 0.6),
            Self::Square => boxed(x, y, 0.8, 0.8),
            Self::Star => star(x, y),
            Self::Cross => boxed(x, y, 1.0, 0.36).min(boxed(x, y, 0.36, 1.0)),
            Self::Crescent => (hypotf(x, y) - 1.0).max(0.72 - hypotf(x - 0.52, y)),
            Self::Hexagon => polygon(x, y, 6.0, 0.84),
            Self::Corner => boxed(x + 0.5, y, 0.36, 0.95).min(boxed(x - 0.06, y - 0.6, 0.9, 0.36)),
            Self::Bars => boxed(x.abs() - 0.6, y, 0.3, 0.9),
        }
    }
}

/// Box with half sides `w` and `h`.
fn boxed(x: f32, y: f32, w: f32, h: f32) -> f32 {
    (x.abs() - w).max(y.abs() - h)
}

/// Regular polygon with `sides` sides and inradius `inradius`.
fn polygon(x: f32, y: f32, sides: f32, inradius: f32) -> f32 {
    hypotf(x, y) * cosf(fold(x, y, sides)) - inradius
}

/// The angle of a point, folded into one sector of `count`, measured from the sector's middle.
fn fold(x: f32, y: f32, count: f32) -> f32 {
    let sector = 2.0 * PI / count;
    (atan2f(y, x) + PI).rem_euclid(sector) - sector / 2.0
}

/// Five-pointed star: circumradius 1.05, inner radius 0.5.
fn star(x: f32, y: f32) -> f32 {
    let (outer, inner) = (1.05, 0.5);
    let radius = hypotf(x, y);
    // The sector's middle holds the tip; its edge holds the inner corner.
    let angle = fold(x, y, 5.0).abs();
    let (px, py) = (radius * cosf(angle), radius * sinf(angle));
    let (corner_x, corner_y) = (inner * cosf(PI / 5.0), inner * sinf(PI / 5.0));
    let (edge_x, edge_y) = (corner_x - outer, corner_y);
    let length = hypotf(edge_x, edge_y);
    ((px - outer) * edge_y - py * edge_x) / length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_points_fall_on_the_right_side() {
        assert!(Shape::Ring.distance(0.0, 0.0) > 0.0);
        assert!(Shape::Ring.distance(0.7, 0.0) < 0.0);
        assert!(Shape::Star.distance(0.0, 0.0) < 0.0);
        assert!(
            Shape::Star
                .distance(-0.95, 0.0)
                .min(Shape::Star.distance(0.95, 0.0))
                < 0.0
        );
        assert!(Shape::Bars.distance(0.0, 0.0) > 0.0);
        assert!(Shape::Cross.distance(0.8, 0.8) > 0.0);
        for shape in [Shape::Triangle, Shape::Hexagon, Shape::Square, Shape::Disc] {
            assert!(shape.distance(0.0, 0.0) < 0.0, "{shape:?}");
            assert!(shape.distance(1.3, 1.3) > 0.0, "{shape:?}");
        }
    }
}

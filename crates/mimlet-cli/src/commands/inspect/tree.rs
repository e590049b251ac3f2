//! A file's tensors as a tree.

use std::collections::BTreeMap;
use std::fmt;

use mimlet_format::TensorRole;

use super::View;
use super::range::Range;
use super::report::{Report, Tensor};
use crate::units;

/// Columns of the bar that shows a share.
const BAR: usize = 20;

/// Fewer columns than this make no bar.
const SHORTEST_BAR: usize = 6;

/// What stands beside a name.
type Cells = Vec<String>;

/// A line of the tree.
#[derive(Debug)]
struct Line {
    /// Branches and name.
    label: String,
    cells: Cells,
    bytes: u64,
}

/// A part of the file.
#[derive(Debug)]
struct Node<'r> {
    name: String,
    bytes: u64,
    /// What it is itself, when it is a tensor.
    tensor: Option<&'r Tensor>,
    /// Of how many alike parts this is one.
    count: u32,
    parts: Vec<Node<'r>>,
}

/// A file's tensors as a tree, laid out for a canvas.
#[derive(Debug)]
pub(super) struct Tree {
    view: View,
    heading: Cells,
    lines: Vec<Line>,
}

impl Tree {
    /// The tree of a report.
    pub(super) fn of(report: &Report<'_>) -> Self {
        let view = report.view;
        let root = match view.block {
            Some(layer) => block_alone(report, layer),
            None => whole(report),
        };
        let mut tree = Self {
            view,
            heading: heading(view),
            lines: Vec::new(),
        };
        tree.put(&root, "", "", root.bytes);
        tree
    }

    fn put(&mut self, node: &Node<'_>, branch: &str, below: &str, total: u64) {
        self.lines.push(Line {
            label: format!("{branch}{}", node.name),
            cells: cells(self.view, node, total),
            bytes: node.bytes,
        });
        let [tee, corner, trunk] = if self.view.canvas.drawn {
            ["├─ ", "└─ ", "│  "]
        } else {
            ["|- ", "`- ", "|  "]
        };
        for (index, part) in node.parts.iter().enumerate() {
            let is_last = index + 1 == node.parts.len();
            let (branch, indent) = if is_last {
                (corner, "   ")
            } else {
                (tee, trunk)
            };
            let (branch, below) = (format!("{below}{branch}"), format!("{below}{indent}"));
            self.put(part, &branch, &below, total);
        }
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.view.canvas.width;
        let mut shown: Vec<usize> = (0..self.heading.len()).collect();
        // The least telling columns give way first: the layout, then the shape.
        for give_way in ["layout", "shape"] {
            if self.columns(&shown) + SHORTEST_BAR + 2 > width {
                shown.retain(|&column| self.heading[column] != give_way);
            }
        }
        let room = width.saturating_sub(self.columns(&shown) + 2).min(BAR);
        let shares = !self.view.ranges && !self.view.hashes;
        let bar = if shares && room >= SHORTEST_BAR {
            room
        } else {
            0
        };
        let total = self.lines.first().map_or(0, |line| line.bytes);
        let heading = Line {
            label: String::new(),
            cells: self.heading.clone(),
            bytes: 0,
        };
        for line in std::iter::once(&heading).chain(&self.lines) {
            let mut text = format!("{:<1$}", line.label, self.label_width());
            for &column in &shown {
                let cell = line.cells.get(column).map_or("", String::as_str);
                let cell_width = self.cell_width(column);
                text += &if is_number(&self.heading[column]) {
                    format!("  {cell:>cell_width$}")
                } else {
                    format!("  {cell:<cell_width$}")
                };
            }
            let share = line.bytes as f64 / total.max(1) as f64;
            let drawn = self.view.canvas.bar(share, bar);
            writeln!(
                f,
                "{}",
                format!("{text}  {}", if bar > 0 { &drawn } else { "" }).trim_end()
            )?;
        }
        Ok(())
    }
}

impl Tree {
    fn label_width(&self) -> usize {
        let labels = self.lines.iter().map(|line| line.label.chars().count());
        labels.max().unwrap_or(0)
    }

    fn cell_width(&self, column: usize) -> usize {
        let cells = self.lines.iter().filter_map(|line| line.cells.get(column));
        let widths = cells.map(|cell| cell.chars().count());
        widths
            .max()
            .unwrap_or(0)
            .max(self.heading[column].chars().count())
    }

    /// Columns of the terminal that these of the table take, names included.
    fn columns(&self, shown: &[usize]) -> usize {
        let cells = shown.iter().map(|&column| self.cell_width(column) + 2);
        self.label_width() + cells.sum::<usize>()
    }
}

fn heading(view: View) -> Cells {
    let names: &[&str] = if view.ranges {
        &["type", "min", "max", "mean |x|", "zeros", "scales"]
    } else if view.hashes {
        &["type", "size", "BLAKE3"]
    } else {
        &["type", "layout", "shape", "size", "share"]
    };
    names.iter().map(|name| (*name).to_string()).collect()
}

/// Whether a column's cells line up at their ends.
fn is_number(heading: &str) -> bool {
    !["type", "layout", "shape", "BLAKE3", "scales"].contains(&heading)
}

fn cells(view: View, node: &Node<'_>, total: u64) -> Cells {
    let dtype = node
        .tensor
        .map_or(String::new(), |tensor| tensor.dtype.clone());
    if view.ranges {
        let range = node.tensor.and_then(|tensor| tensor.range.as_ref());
        return [vec![dtype], range.map_or(Vec::new(), range_cells)].concat();
    }
    let size = units::bytes(node.bytes);
    if view.hashes {
        let hash = node.tensor.and_then(|tensor| tensor.hash.as_deref());
        // Enough to tell tensors apart; `--json` has all of it.
        let hash = hash.map_or("", |hash| {
            if view.canvas.width < 120 {
                &hash[..16]
            } else {
                hash
            }
        });
        return vec![dtype, size, hash.to_string()];
    }
    let layout = node
        .tensor
        .map_or(String::new(), |tensor| tensor.layout.clone());
    let shape = node.tensor.map_or(String::new(), |tensor| {
        let sides: Vec<String> = tensor.shape.iter().map(u32::to_string).collect();
        match node.count {
            1 => sides.join(" x "),
            count => format!("{count} of {}", sides.join(" x ")),
        }
    });
    let share = format!("{:.1} %", 100.0 * node.bytes as f64 / total.max(1) as f64);
    vec![dtype, layout, shape, size, share]
}

fn range_cells(range: &Range) -> Cells {
    let bound = |value: Option<f32>| units::or_dash(value, |value| significant(value.into()));
    let zeros = match range.zeros {
        0 => "0".to_string(),
        zeros => format!("{:.1} %", 100.0 * zeros as f64 / range.values as f64),
    };
    let scales = match (range.scale, range.not_finite) {
        (_, not_finite) if not_finite > 0 => format!("{not_finite} not finite!"),
        (Some([least, most]), _) => {
            format!(
                "{} to {}",
                significant(least.into()),
                significant(most.into())
            )
        }
        (None, _) => String::new(),
    };
    vec![
        bound(range.min),
        bound(range.max),
        significant(range.mean_abs),
        zeros,
        scales,
    ]
}

/// A number with three significant digits.
fn significant(value: f64) -> String {
    if value == 0.0 {
        return "0".to_string();
    }
    let magnitude = value.abs().log10().floor();
    if !(-4.0..5.0).contains(&magnitude) {
        return format!("{value:.1e}");
    }
    format!("{value:.*}", (2.0 - magnitude).max(0.0) as usize)
}

/// The whole file: encoder, codebook, acceptance test, and what is neither.
fn whole<'r>(report: &'r Report<'_>) -> Node<'r> {
    let mut blocks: BTreeMap<u32, Vec<&'r Tensor>> = BTreeMap::new();
    let (mut head, mut tail, mut codebook, mut golden) = (vec![], vec![], vec![], vec![]);
    for tensor in &report.tensors {
        match tensor.place {
            TensorRole::PatchEmbedWeight | TensorRole::TokenTable => head.push(leaf(tensor)),
            TensorRole::Block { layer, .. } => blocks.entry(layer).or_default().push(tensor),
            TensorRole::FinalNorm(_) => tail.push(leaf(tensor)),
            TensorRole::Centroids | TensorRole::CentroidScale => codebook.push(leaf(tensor)),
            TensorRole::Golden(_) => golden.push(leaf(tensor)),
        }
    }
    let mut parts = vec![branch(
        "encoder".to_string(),
        [head, collapsed(blocks, report.view.all), tail]
            .into_iter()
            .flatten()
            .collect(),
    )];
    if !codebook.is_empty() {
        parts.push(branch("codebook".to_string(), codebook));
    }
    parts.push(branch("acceptance test".to_string(), golden));
    let tensors: u64 = parts.iter().map(|part| part.bytes).sum();
    parts.push(Node {
        name: "manifest, padding".to_string(),
        bytes: report.bytes - tensors,
        tensor: None,
        count: 1,
        parts: Vec::new(),
    });
    branch(report.provenance.name.to_string(), parts)
}

/// One block.
fn block_alone<'r>(report: &'r Report<'_>, layer: u32) -> Node<'r> {
    let inside = |tensor: &&Tensor| matches!(tensor.place, TensorRole::Block { layer: found, .. } if found == layer);
    let tensors: Vec<&Tensor> = report.tensors.iter().filter(inside).collect();
    block(&format!("block {layer}"), &tensors, 1)
}

/// Blocks in order, runs of alike ones as one node unless all are wanted.
fn collapsed(blocks: BTreeMap<u32, Vec<&Tensor>>, all: bool) -> Vec<Node<'_>> {
    let mut runs: Vec<(u32, u32, Vec<&Tensor>)> = Vec::new();
    for (layer, tensors) in blocks {
        match runs.last_mut() {
            Some((_, last, first)) if !all && alike(first, &tensors) => *last = layer,
            _ => runs.push((layer, layer, tensors)),
        }
    }
    let node = |(first, last, tensors): (u32, u32, Vec<_>)| {
        if first == last {
            block(&format!("block {first}"), &tensors, 1)
        } else {
            let count = last - first + 1;
            block(
                &format!("blocks {first}-{last}, {count} alike"),
                &tensors,
                count,
            )
        }
    };
    runs.into_iter().map(node).collect()
}

/// Whether two blocks store the same tensors in the same way.
fn alike(a: &[&Tensor], b: &[&Tensor]) -> bool {
    let stored = |tensor: &Tensor| {
        (
            name(tensor).to_string(),
            tensor.dtype.clone(),
            tensor.layout.clone(),
            tensor.shape.clone(),
        )
    };
    let stored = |tensors: &[&Tensor]| tensors.iter().map(|t| stored(t)).collect::<Vec<_>>();
    stored(a) == stored(b)
}

/// A block, or `count` alike ones; its tensors' bytes are those of all of them.
fn block<'r>(name: &str, tensors: &[&'r Tensor], count: u32) -> Node<'r> {
    let leaves = tensors.iter().map(|tensor| Node {
        bytes: tensor.bytes * u64::from(count),
        count,
        ..leaf(tensor)
    });
    branch(name.to_string(), leaves.collect())
}

fn branch(name: String, parts: Vec<Node<'_>>) -> Node<'_> {
    Node {
        name,
        bytes: parts.iter().map(|part| part.bytes).sum(),
        tensor: None,
        count: 1,
        parts,
    }
}

fn leaf(tensor: &Tensor) -> Node<'_> {
    Node {
        name: name(tensor).to_string(),
        bytes: tensor.bytes,
        tensor: Some(tensor),
        count: 1,
        parts: Vec::new(),
    }
}

/// A tensor's name inside its part of the file.
fn name(tensor: &Tensor) -> &str {
    let role = &*tensor.role;
    match tensor.place {
        TensorRole::Block { .. } => role.splitn(3, '.').nth(2).unwrap_or(role),
        TensorRole::Centroids | TensorRole::CentroidScale | TensorRole::Golden(_) => {
            role.split_once('.').map_or(role, |(_, name)| name)
        }
        _ => role,
    }
}

//! Every loop ends: it has a counter that nothing but its own step moves, by more than nothing. No kernel is to
//! rely on wgpu's own counting of turns, at the end of which it would leave a loop with wrong sums.

use super::inspect::kernels;
use mimlet_kernels::OPS;

/// What is wrong with the loops of a text.
fn faults(source: &str) -> Vec<String> {
    let code: String = source.lines().map(code).collect();
    let mut faults = Vec::new();
    for word in ["while", "loop"] {
        if words(&code).any(|found| found == word) {
            faults.push(format!("`{word}`: only a `for` says when it ends"));
        }
    }
    let mut rest = code.as_str();
    while let Some((_, from)) = rest.split_once("for (") {
        let (head, after) = from.split_once(") {").expect("a loop has a body");
        let body = enclosed(after);
        if let Err(fault) = counts(head, body, &code) {
            faults.push(format!("`for ({head})`: {fault}"));
        }
        rest = from;
    }
    faults
}

/// A line without its comment.
fn code(line: &str) -> String {
    line.split("//").next().unwrap_or_default().to_owned() + "\n"
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

/// What stands before the brace that closes the one before the text.
fn enclosed(text: &str) -> &str {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return &text[..at],
            '}' => depth -= 1,
            _ => {}
        }
    }
    panic!("a brace that nothing closes")
}

/// Whether a loop is `for (...; counter < end; counter += step)`, or halves a counter down to nothing.
fn counts(head: &str, body: &str, code: &str) -> Result<(), String> {
    let [start, until, step]: [&str; 3] = head
        .split(';')
        .map(str::trim)
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| "a head of three parts")?;
    let counter = words(step).next().unwrap_or_default();
    let declares = format!("var {counter} = ");
    if !start.is_empty() && !start.starts_with(&declares) {
        return Err(format!("starts something else than {counter}"));
    }
    let halves = format!("{counter} >>= 1u");
    let ends = if step == halves {
        until == format!("{counter} > 0u")
    } else {
        let by = step.strip_prefix(&format!("{counter} += "));
        let by = by.ok_or(format!("{counter} is not stepped upwards"))?;
        if !is_positive(by, code) {
            return Err(format!("a step of {by}"));
        }
        let ahead = format!("{counter} + {by} <= ");
        until.starts_with(&format!("{counter} < ")) || until.starts_with(&ahead)
    };
    if !ends {
        return Err(format!("`{until}` is no end"));
    }
    match is_written(counter, body) {
        true => Err(format!("{counter} is written within")),
        false => Ok(()),
    }
}

/// Whether a step is a number that is not zero, or a constant that is one.
fn is_positive(step: &str, code: &str) -> bool {
    let number = |text: &str| text.strip_suffix('u').and_then(|n| n.parse::<u32>().ok());
    let declared = format!("const {step}: u32 = ");
    let constant = code
        .lines()
        .find_map(|line| line.strip_prefix(&declared)?.strip_suffix(';'));
    number(constant.unwrap_or(step)).is_some_and(|step| step > 0)
}

/// Whether a body assigns a name, declares it anew, or lends it.
fn is_written(name: &str, body: &str) -> bool {
    let declared = ["var", "let"].map(|kind| format!("{kind} {name} = "));
    let assigned = [
        "=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=",
    ];
    let mut statements = body.split([';', '{', '}', '(']).map(str::trim);
    let changes = |statement: &str| {
        let rest = statement.strip_prefix(name).map(str::trim_start);
        let writes = |rest: &str| {
            let operator = rest.split(' ').next().unwrap_or_default();
            assigned.contains(&operator) || rest.starts_with("++") || rest.starts_with("--")
        };
        rest.is_some_and(writes) || declared.iter().any(|d| statement.starts_with(d))
    };
    statements.any(changes) || body.contains(&format!("&{name}"))
}

#[test]
fn every_loop_counts() {
    for op in OPS {
        for kernel in kernels(op) {
            let faults = faults(kernel.source);
            assert!(faults.is_empty(), "{}:\n{}", kernel.name, faults.join("\n"));
        }
    }
}

#[test]
fn a_loop_that_may_not_end_is_found() {
    let good = "
const DEPTH: u32 = 16u;
fn main() {
    for (var i = 0u; i < 4u; i += DEPTH) {
        // i = 0u;
        let j = i;
        sum[i] = f32(j == i);
    }
    var k = 0u;
    for (; k + 4u <= INPUTS; k += 4u) {
        index[k] += 1u;
    }
    for (var width = 32u; width > 0u; width >>= 1u) {
    }
}
";
    assert_eq!(faults(good), Vec::<String>::new());
    for (from, to) in [
        ("sum[i]", "i = 0u; sum[i]"),
        ("sum[i]", "i -= 1u; sum[i]"),
        ("sum[i]", "i--; sum[i]"),
        ("let j = i;", "let i = 0u;"),
        ("let j = i;", "back(&i);"),
        ("i += DEPTH", "i += 0u"),
        ("i += DEPTH", "i += step"),
        ("i += DEPTH", "j += 1u"),
        ("i += DEPTH", "i -= 1u"),
        ("i < 4u", "i != 4u"),
        ("16u", "0u"),
        ("k + 4u <=", "k + 1u <="),
        ("index[k] += 1u", "k = k"),
        ("width > 0u", "width >= 0u"),
        ("var k = 0u;", "loop { }"),
        ("var k = 0u;", "while true { }"),
    ] {
        assert_eq!(faults(&good.replace(from, to)).len(), 1, "{from} to {to}");
    }
}

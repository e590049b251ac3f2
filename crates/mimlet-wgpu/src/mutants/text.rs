//! Every single mutation of a kernel's text: what a mistranslated instruction, a lost barrier or a
//! mistyped line would come to.

use std::ops::Range;

/// A text that differs from a kernel's in one place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mutation {
    pub(super) kind: Kind,
    at: Range<usize>,
    with: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An operator or a function is another.
    Operator,
    /// A whole number is one more or one less, a float twice itself.
    Constant,
    /// A component of a vector, or one of several numbered variables, is its neighbour.
    Neighbour,
    /// A term or a factor is left out: a bias, a scale, a zero point, an offset.
    Operand,
    /// A statement is left out: a barrier, a store, an addition.
    Statement,
    /// A loop starts late, ends early or takes longer steps.
    Loop,
    /// A condition is its opposite.
    Condition,
}

impl Kind {
    pub(super) const ALL: [Self; 7] = [
        Self::Operator,
        Self::Constant,
        Self::Neighbour,
        Self::Operand,
        Self::Statement,
        Self::Loop,
        Self::Condition,
    ];
}

/// What an operator or a function may turn into. Formatted text has operators between spaces, unlike
/// the brackets of a type.
const OPERATORS: [(&str, &str); 19] = [
    (" + ", " - "),
    (" - ", " + "),
    (" * ", " + "),
    (" / ", " * "),
    (" % ", " / "),
    (" < ", " <= "),
    (" > ", " >= "),
    (" >= ", " > "),
    (" == ", " != "),
    (" != ", " == "),
    (" && ", " || "),
    (" || ", " && "),
    (" << ", " >> "),
    (" >> ", " << "),
    (" & ", " | "),
    (" += ", " -= "),
    ("max(", "min("),
    ("min(", "max("),
    ("round(", "floor("),
];

/// What the head of a loop may turn into, so that every loop still ends.
const HEADS: [(&str, &str); 5] = [
    (" < ", " + 1u < "),
    (" <= ", " + 1u <= "),
    (" > 0u;", " > 1u;"),
    (" = 0u;", " = 1u;"),
    (" += ", " += 1u + "),
];

impl Mutation {
    /// The mutated text.
    pub(super) fn of(&self, source: &str) -> String {
        let Range { start, end } = self.at;
        format!("{}{}{}", &source[..start], self.with, &source[end..])
    }

    /// The line that is mutated, and what it says then.
    pub(super) fn shown(&self, source: &str) -> String {
        let line = source[..self.at.start].lines().count().saturating_sub(1);
        let of = |text: &str| text.lines().nth(line).unwrap_or_default().trim().to_owned();
        format!(
            "{:?}: `{}` for `{}`",
            self.kind,
            of(&self.of(source)),
            of(source)
        )
    }
}

/// All mutations of the bodies of a kernel's functions. Not all of them compile.
pub(super) fn all(source: &str) -> Vec<Mutation> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in source.split_inclusive('\n') {
        let code = line.split("//").next().unwrap_or_default();
        // Declarations are not indented, but for attributes of parameters.
        if code.starts_with("    ") && !code.trim_start().starts_with('@') {
            let mut line = Line {
                start,
                code,
                found: &mut found,
            };
            line.mutations();
        }
        start += line.len();
    }
    found
}

struct Line<'a> {
    /// Of its text in the kernel's.
    start: usize,
    code: &'a str,
    found: &'a mut Vec<Mutation>,
}

impl Line<'_> {
    fn mutations(&mut self) {
        let trimmed = self.code.trim();
        if trimmed.starts_with("for (") {
            self.replacements(Kind::Loop, &HEADS);
            return;
        }
        self.replacements(Kind::Operator, &OPERATORS);
        self.constants();
        self.neighbours();
        self.operands();
        let first = self.code.len() - self.code.trim_start().len();
        let whole = first..first + trimmed.len();
        let declares = ["let ", "var ", "return"]
            .iter()
            .any(|w| trimmed.starts_with(w));
        if trimmed.ends_with(';') && !declares {
            self.add(Kind::Statement, whole.clone(), "");
        }
        let condition = trimmed
            .strip_prefix("if ")
            .and_then(|c| c.strip_suffix(" {"));
        if let Some(condition) = condition {
            self.add(Kind::Condition, whole, &format!("if !({condition}) {{"));
        }
    }

    fn add(&mut self, kind: Kind, at: Range<usize>, with: &str) {
        self.found.push(Mutation {
            kind,
            at: self.start + at.start..self.start + at.end,
            with: with.to_owned(),
        });
    }

    fn replacements(&mut self, kind: Kind, pairs: &[(&str, &str)]) {
        for (from, to) in pairs {
            let places: Vec<usize> = self.code.match_indices(from).map(|(at, _)| at).collect();
            for at in places {
                self.add(kind, at..at + from.len(), to);
            }
        }
    }

    /// Literals: `7u` is a whole number, `0.5` a float.
    fn constants(&mut self) {
        for at in words(self.code) {
            let word = &self.code[at.clone()];
            let whole = word.strip_suffix('u').and_then(|w| w.parse::<u32>().ok());
            if let Some(whole) = whole {
                self.add(Kind::Constant, at.clone(), &format!("{}u", whole + 1));
                if let Some(less) = whole.checked_sub(1) {
                    self.add(Kind::Constant, at, &format!("{less}u"));
                }
            } else if word.contains('.') && word.parse::<f32>().is_ok_and(|value| value != 0.0) {
                self.add(Kind::Constant, at, &format!("(2.0 * {word})"));
            }
        }
    }

    fn neighbours(&mut self) {
        for at in words(self.code) {
            let word = &self.code[at.clone()];
            let (rest, last) = word.split_at(word.len() - 1);
            let component = rest.ends_with('.') || rest.is_empty();
            let with = match last {
                "x" if component => "y".to_owned(),
                "y" if component => "x".to_owned(),
                "z" if component => "w".to_owned(),
                "w" if component => "z".to_owned(),
                // Types end in digits, too.
                digit if numbered(word) && !self.code[at.end..].starts_with('<') => {
                    match digit.parse::<u32>() {
                        Ok(digit) => (digit ^ 1).to_string(),
                        Err(_) => continue,
                    }
                }
                _ => continue,
            };
            self.add(Kind::Neighbour, at.end - 1..at.end, &with);
        }
    }

    /// An operator with what follows it, up to the next.
    fn operands(&mut self) {
        for operator in [" + ", " - ", " * "] {
            let places: Vec<usize> = self
                .code
                .match_indices(operator)
                .map(|(at, _)| at)
                .collect();
            for at in places {
                let start = at + operator.len();
                let end = start + operand(&self.code[start..]);
                self.add(Kind::Operand, at..end, "");
            }
        }
    }
}

/// Whether a word is the name of a variable, as far as can be told of one that ends in a digit.
fn numbered(word: &str) -> bool {
    let types = ["f16", "f32", "i32", "u32"];
    word.starts_with(|c: char| c.is_ascii_alphabetic()) && !types.contains(&word)
}

/// Names with their components, and numbers.
fn words(code: &str) -> Vec<Range<usize>> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in code.char_indices().chain([(code.len(), ' ')]) {
        match (start, part(c)) {
            (None, true) => start = Some(at),
            (Some(first), false) => {
                words.push(first..at);
                start = None;
            }
            _ => {}
        }
    }
    words
}

/// Bytes up to the first space, comma or semicolon outside brackets.
fn operand(code: &str) -> usize {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' if depth == 0 => return at,
            ')' | ']' => depth -= 1,
            ' ' | ',' | ';' | '\n' if depth == 0 => return at,
            _ => {}
        }
    }
    code.len()
}

#[test]
fn each_kind_of_mutation_is_found_where_it_is() {
    let source = "const N: u32 = 4u;
fn main() {
    for (var k = 0u; k < N; k += 1u) {
        if k == 2u {
            sum0 += x[k].x * scale(k + 1u) + 0.5; // a + b
        }
    }
    workgroupBarrier();
}
";
    let texts: Vec<(Kind, String)> = all(source)
        .into_iter()
        .map(|mutation| (mutation.kind, mutation.of(source)))
        .collect();
    for (kind, from, to) in [
        (Kind::Loop, "k < N", "k + 1u < N"),
        (Kind::Loop, "k = 0u", "k = 1u"),
        (Kind::Condition, "if k == 2u {", "if !(k == 2u) {"),
        (Kind::Constant, "== 2u", "== 1u"),
        (Kind::Constant, "0.5", "(2.0 * 0.5)"),
        (Kind::Operator, "+= x", "-= x"),
        (Kind::Neighbour, ".x", ".y"),
        (Kind::Neighbour, "sum0", "sum1"),
        (Kind::Operand, " * scale(k + 1u)", ""),
        (Kind::Operand, " + 0.5", ""),
        (Kind::Statement, "workgroupBarrier();", ""),
    ] {
        let expected = (kind, source.replacen(from, to, 1));
        assert!(texts.contains(&expected), "{kind:?} of {from:?}");
    }
    assert!(texts.iter().all(|(_, text)| text != source));
    let outside = |text: &str| !text.contains("4u;\nfn") || !text.contains("// a + b");
    assert!(!texts.iter().any(|(_, text)| outside(text)));
}

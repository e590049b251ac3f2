//! A checker of the markup that pages and pictures are made of: every element closed where it should
//! be, every attribute quoted, nothing that runs and nothing from elsewhere.

/// Elements that run, or load something.
const FORBIDDEN: [&str; 8] = [
    "script", "link", "img", "iframe", "object", "embed", "form", "base",
];

/// What is wrong with a page; its elements in order when nothing is.
pub(crate) fn check(page: &str) -> Result<Vec<String>, String> {
    let mut rest = page.strip_prefix("<!doctype html>\n").unwrap_or(page);
    let (mut open, mut seen) = (Vec::<String>::new(), Vec::new());
    while let Some(start) = rest.find('<') {
        text(&rest[..start])?;
        if let Some(closing) = rest[start..].strip_prefix("</") {
            let (name, after) = closing.split_once('>').ok_or("a tag without end")?;
            if open.pop().as_deref() != Some(name) {
                return Err(format!("</{name}> closes nothing"));
            }
            rest = after;
            continue;
        }
        let (name, is_empty, after) = tag(&rest[start + 1..])?;
        if !is_empty {
            open.push(name.clone());
        }
        rest = after;
        if name == "style" {
            rest = &rest[rest.find("</style>").ok_or("a style without end")?..];
        }
        seen.push(name);
    }
    text(rest)?;
    match open.last() {
        Some(name) => Err(format!("<{name}> is not closed")),
        None => Ok(seen),
    }
}

/// A tag's name, whether it closes itself, and what follows it.
fn tag(text: &str) -> Result<(String, bool, &str), String> {
    let end = text.find([' ', '>', '/']).ok_or("a tag without end")?;
    let (name, mut rest) = text.split_at(end);
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(format!("<{name}> is no element"));
    }
    if FORBIDDEN.contains(&name) {
        return Err(format!("<{name}> is forbidden"));
    }
    loop {
        if let Some(after) = rest.strip_prefix("/>") {
            return Ok((name.to_owned(), true, after));
        }
        if let Some(after) = rest.strip_prefix('>') {
            return Ok((name.to_owned(), false, after));
        }
        let attribute = rest
            .strip_prefix(' ')
            .ok_or_else(|| format!("<{name} is torn"))?;
        let (key, value) = attribute
            .split_once("=\"")
            .ok_or("an attribute without value")?;
        let (value, after) = value.split_once('"').ok_or("a value without end")?;
        if !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') || key.starts_with("on") {
            return Err(format!("attribute {key} of <{name}>"));
        }
        let is_address = value.contains("//") && key != "xmlns";
        if value.contains('<') || is_address && key != "content" {
            return Err(format!("{key}={value:?}"));
        }
        self::text(value)?;
        rest = after;
    }
}

/// Text between tags: every `&` begins one of our entities.
fn text(text: &str) -> Result<(), String> {
    const ENTITIES: [&str; 5] = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
    for (at, _) in text.match_indices('&') {
        if !ENTITIES.iter().any(|entity| text[at..].starts_with(entity)) {
            let end = text.len().min(at + 8);
            return Err(format!("a bare &: {:?}", text.get(at..end)));
        }
    }
    match text.contains('>') {
        true => Err(format!("a bare >: {text:?}")),
        false => Ok(()),
    }
}

#[test]
fn the_checker_sees_faults() {
    assert_eq!(check("<p a=\"1\">x &amp; y<br/></p>").unwrap(), ["p", "br"]);
    for fault in [
        "<p>",
        "<p></q>",
        "<p></p></p>",
        "<p a=1></p>",
        "<p onclick=\"x\"></p>",
        "<script></script>",
        "<p>a & b</p>",
        "<p>a > b</p>",
        "<a href=\"https://example.org\"></a>",
        "<p a=\"<\"></p>",
    ] {
        assert!(check(fault).is_err(), "{fault}");
    }
}

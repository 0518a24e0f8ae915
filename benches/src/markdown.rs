//! Markdown tables, and numbers in them.

pub(crate) fn table(head: &[String], lines: impl IntoIterator<Item = Vec<String>>) -> String {
    let space = |cell: &String| if cell.is_empty() { " ".to_owned() } else { format!(" {cell} ") };
    let text = |cells: &[String]| format!("|{}|\n", cells.iter().map(space).collect::<Vec<_>>().join("|"));
    let rule = vec!["---".to_owned(); head.len()];
    let lines = lines.into_iter().map(|cells| text(&cells));
    [text(head), text(&rule)].into_iter().chain(lines).collect()
}

/// A line of a table. Missing cells are dashes.
pub(crate) fn line(name: &str, cells: impl IntoIterator<Item = Option<String>>) -> Vec<String> {
    let cells = cells.into_iter().map(|cell| cell.unwrap_or_else(|| "–".into()));
    [name.to_owned()].into_iter().chain(cells).collect()
}

pub(crate) fn number(value: f64) -> String {
    match value {
        n if n.abs() < 99.95 => format!("{n:.1}"),
        n => format!("{n:.0}"),
    }
}

pub(crate) fn ratio(times: f64) -> String {
    match times {
        t if t.abs() < 9.995 => format!("{t:.2}"),
        t => format!("{t:.0}"),
    }
}

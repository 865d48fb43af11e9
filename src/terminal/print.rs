//! Lines as text for a terminal or a file.

use ratatui::{
    style::{Color, Modifier, Style},
    text::Line,
};

/// The lines as text without any control sequence, each with its end.
pub fn plain(lines: &[Line<'_>]) -> String {
    text(lines, Line::to_string)
}

/// The lines as text for a terminal, each with its end.
pub fn painted(lines: &[Line<'_>]) -> String {
    text(lines, paint)
}

fn text<'a>(lines: &[Line<'a>], form: fn(&Line<'a>) -> String) -> String {
    lines.iter().map(|line| format!("{}\n", form(line).trim_end())).collect()
}

fn paint(line: &Line<'_>) -> String {
    let spans = line.spans.iter().map(|span| {
        let codes = codes(line.style.patch(span.style));
        if codes.is_empty() || span.content.trim().is_empty() {
            return span.content.to_string();
        }
        format!("\u{1b}[{}m{}\u{1b}[0m", codes.join(";"), span.content)
    });
    spans.collect()
}

/// The terminal's numbers for what the palette uses.
fn codes(style: Style) -> Vec<&'static str> {
    let colour = match style.fg {
        Some(Color::Red) => Some("31"),
        Some(Color::Green) => Some("32"),
        Some(Color::Yellow) => Some("33"),
        Some(Color::Cyan) => Some("36"),
        Some(Color::DarkGray) => Some("90"),
        _ => None,
    };
    let bold = style.add_modifier.contains(Modifier::BOLD).then_some("1");
    bold.into_iter().chain(colour).collect()
}

#[cfg(test)]
mod tests {
    use ratatui::text::Span;

    use super::*;

    #[test]
    fn only_what_is_styled_is_painted() {
        let line = Line::from(vec![
            Span::raw("id "),
            Span::styled("done", Style::new().fg(Color::Green)),
            Span::raw("  "),
        ]);
        let lines = [line, Line::default()];
        assert_eq!(painted(&lines), "id \u{1b}[32mdone\u{1b}[0m\n\n");
        assert_eq!(plain(&lines), "id done\n\n");
    }
}

//! The text format of Prometheus, version 0.0.4.

use std::fmt::{Display, Write};

use batch_gpt_actors::rules::{histogram::Histogram, time::Millis};

/// A text that grows family by family.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
    name: &'static str,
}

impl Exposition {
    /// The whole text.
    pub fn finish(self) -> String {
        self.text
    }

    /// Begins a family of numbers that only grow; its name ends with `_total`.
    pub fn counter(&mut self, name: &'static str, help: &str) -> &mut Self {
        self.family(name, "counter", help)
    }

    /// Begins a family of numbers that come and go.
    pub fn gauge(&mut self, name: &'static str, help: &str) -> &mut Self {
        self.family(name, "gauge", help)
    }

    /// A whole family of one histogram, in seconds.
    pub fn histogram(&mut self, name: &'static str, help: &str, times: &Histogram) {
        self.family(name, "histogram", help);
        for (end, count) in times.cumulative() {
            self.line("_bucket", &[("le", &seconds(end).to_string())], count);
        }
        self.line("_bucket", &[("le", "+Inf")], times.count());
        self.line("_sum", &[], seconds(times.sum()));
        self.line("_count", &[], times.count());
    }

    /// A number of the family that was begun last.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        self.line("", labels, value);
        self
    }

    fn family(&mut self, name: &'static str, kind: &str, help: &str) -> &mut Self {
        self.name = name;
        self.put(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        self
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let name = self.name;
        self.put(format_args!("{name}{suffix}"));
        for (number, (label, text)) in labels.iter().enumerate() {
            let before = if number == 0 { '{' } else { ',' };
            self.put(format_args!("{before}{label}=\"{}\"", escaped(text)));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        self.put(format_args!("{end} {value}\n"));
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // A text takes whatever is written to it.
        let _ = self.text.write_fmt(text);
    }
}

/// Milliseconds as seconds, without rounding.
fn seconds(span: Millis) -> impl Display {
    decimal(u128::from(span.0), 3)
}

/// A whole number with its last digits behind the point.
pub fn decimal(number: u128, digits: usize) -> impl Display {
    let one = 10u128.pow(u32::try_from(digits).unwrap_or(0));
    format!("{}.{:0digits$}", number / one, number % one)
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

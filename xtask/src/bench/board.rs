//! The figures of all runs, and the table of their medians.

use std::fmt::Write as _;

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// At least so many times the floor.
    AtLeast(f64),
    /// At most so many times the floor.
    AtMost(f64),
    /// Below this, whatever the floor is.
    Below(f64),
    /// It is only to be known.
    None,
}

/// One line of the table.
#[derive(Debug)]
struct Line {
    scenario: &'static str,
    what: String,
    unit: &'static str,
    goal: Goal,
    floor: Vec<f64>,
    gateway: Vec<f64>,
}

/// All figures so far.
#[derive(Debug, Default)]
pub struct Board {
    lines: Vec<Line>,
}

impl Board {
    /// Enters a figure of the gateway beside that of its floor, both of the same run.
    pub fn pair(
        &mut self,
        scenario: &'static str,
        what: &str,
        unit: &'static str,
        goal: Goal,
        floor: f64,
        gateway: f64,
    ) {
        let line = self.line(scenario, what, unit, goal);
        line.floor.push(floor);
        line.gateway.push(gateway);
        println!("{scenario}: {what}: {} against {} {unit}", rounded(gateway), rounded(floor));
    }

    /// Enters a figure that has no floor.
    pub fn single(
        &mut self,
        scenario: &'static str,
        what: &str,
        unit: &'static str,
        goal: Goal,
        gateway: f64,
    ) {
        self.line(scenario, what, unit, goal).gateway.push(gateway);
        println!("{scenario}: {what}: {} {unit}", rounded(gateway));
    }

    fn line(&mut self, scenario: &'static str, what: &str, unit: &'static str, goal: Goal) -> &mut Line {
        let found = self.lines.iter().position(|line| line.scenario == scenario && line.what == what);
        let index = found.unwrap_or_else(|| {
            let (floor, gateway) = (Vec::new(), Vec::new());
            self.lines.push(Line { scenario, what: what.to_owned(), unit, goal, floor, gateway });
            self.lines.len() - 1
        });
        &mut self.lines[index]
    }

    /// The medians as a table.
    pub fn table(&self) -> String {
        let mut table = String::from(
            "| scenario | figure | unit | floor | gateway | ratio | spread | goal | |\n|---|---|---|---:|---:|---:|---|---|---|\n",
        );
        for line in &self.lines {
            let ratios = line.ratios();
            let ratio = median(&ratios);
            let _ = writeln!(
                table,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                line.scenario,
                line.what,
                line.unit,
                median(&line.floor).map(rounded).unwrap_or_default(),
                median(&line.gateway).map(rounded).unwrap_or_default(),
                ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
                spread(if ratios.is_empty() { &line.gateway } else { &ratios }),
                line.goal.words(),
                line.goal.verdict(ratio, median(&line.gateway)),
            );
        }
        table
    }
}

impl Line {
    fn ratios(&self) -> Vec<f64> {
        self.gateway.iter().zip(&self.floor).map(|(gateway, floor)| gateway / floor).collect()
    }
}

impl Goal {
    fn words(self) -> String {
        match self {
            Self::AtLeast(ratio) => format!("≥ {ratio}"),
            Self::AtMost(ratio) => format!("≤ {ratio}"),
            Self::Below(value) => format!("< {value}"),
            Self::None => String::new(),
        }
    }

    fn verdict(self, ratio: Option<f64>, value: Option<f64>) -> &'static str {
        let met = match self {
            Self::AtLeast(goal) => ratio.map(|ratio| ratio >= goal),
            Self::AtMost(goal) => ratio.map(|ratio| ratio <= goal),
            Self::Below(goal) => value.map(|value| value < goal),
            Self::None => return "",
        };
        match met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "not measured",
        }
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted.get(sorted.len().checked_sub(1)? / 2)?;
    Some((upper + lower) / 2.0)
}

fn spread(values: &[f64]) -> String {
    let (least, most) = (values.iter().copied().reduce(f64::min), values.iter().copied().reduce(f64::max));
    match (least, most) {
        (Some(least), Some(most)) if values.len() > 1 => format!("{}–{}", rounded(least), rounded(most)),
        _ => String::new(),
    }
}

/// Three digits are as many as mean anything.
fn rounded(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_the_median_of_the_ratios_of_each_run() {
        let mut board = Board::default();
        for (floor, gateway) in [(100.0, 50.0), (200.0, 60.0), (100.0, 45.0)] {
            board.pair("accept", "rate", "1/s", Goal::AtLeast(0.4), floor, gateway);
        }
        let line = "| accept | rate | 1/s | 100 | 50.0 | 0.45 | 0.30–0.50 | ≥ 0.4 | met |";
        assert_eq!(board.table().lines().last(), Some(line));
    }

    #[test]
    fn a_missed_goal_is_called_missed() {
        let mut board = Board::default();
        board.single("overload", "p99", "ms", Goal::Below(50.0), 70.0);
        assert!(board.table().ends_with("| < 50 | missed |\n"));
    }
}

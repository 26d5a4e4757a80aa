//! Tables for people: one per section, in Markdown.

use std::time::Duration;

/// Rows of one section, printed as they come.
pub struct Report;

impl Report {
    /// Prints the head of a section.
    pub fn new(title: &str, columns: &[&str]) -> Report {
        println!("\n### {title}\n");
        println!("| {} |", columns.join(" | "));
        println!("|{}", " --- |".repeat(columns.len()));
        Report
    }

    pub fn row(&self, cells: &[String]) {
        println!("| {} |", cells.join(" | "));
    }

    /// What limits the figures, or what they mean.
    pub fn note(&self, text: &str) {
        println!("\n{text}");
    }
}

/// Megabytes (10^6) a second.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
pub fn mb_per_second(bytes: u64, time: Duration) -> f64 {
    bytes as f64 / 1e6 / time.as_secs_f64().max(1e-9)
}

pub fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// The sample below which `part` of all lie; `samples` need not be sorted.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index"
)]
pub fn quantile(samples: &mut [Duration], part: f64) -> Duration {
    samples.sort_unstable();
    let at = ((samples.len().saturating_sub(1)) as f64 * part).round() as usize;
    samples.get(at).copied().unwrap_or_default()
}

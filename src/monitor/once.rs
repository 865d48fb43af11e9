//! The monitor's state as plain text.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use super::{
    failed,
    picture::Picture,
    reading::{Errand, read},
    tab::Tab,
};
use crate::{
    client::{Api, Batch, Fault},
    http::gateway::now,
    terminal::{
        palette::Palette,
        print::plain,
        table::table,
        wording::{at_a_glance, date, grouped},
    },
};

/// Batches that have come to their end are listed as long as there are not more than this.
const LISTED: usize = 20;

/// Prints what is known now.
pub async fn run(api: &Api) -> ExitCode {
    let picture = match look(api).await {
        Ok(picture) => picture,
        Err(fault) => return failed(&fault.to_string(), fault.exit_code()),
    };
    let text = text(&picture, &api.address().to_string(), now().0 / 1_000);
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            failed(&format!("cannot write the output: {error}"), 1)
        }
        _ => ExitCode::SUCCESS,
    }
}

async fn look(api: &Api) -> Result<Picture, Fault> {
    let reading = read(api, &Errand { overview: true, ..Errand::default() }).await?;
    let mut picture = Picture::default();
    picture.take(reading);
    Ok(picture)
}

fn text(picture: &Picture, address: &str, now: u64) -> String {
    let tabs = Tab::ALL.map(|tab| format!("{} {}", tab.title().to_lowercase(), picture.count(tab)));
    let mut text = format!("{address} at {}\nbatches: {}\n", date(now), tabs.join(", "));
    let lines = picture.under_way();
    let [completed, failed, total] = [lines.completed, lines.failed, lines.total].map(grouped);
    text.push_str(&format!("requests under way: {completed} completed, {failed} failed of {total}\n"));
    if let Some(overview) = &picture.overview {
        text.push_str(&format!("requests: {}\n", at_a_glance(overview)));
        overview.problems.iter().for_each(|problem| text.push_str(&format!("problem: {problem}\n")));
    }
    let listed = listed(picture);
    if !listed.is_empty() {
        text.push('\n');
        text.push_str(&plain(&table(&listed, now, None, Palette::new(false))));
    }
    text
}

/// Everything on its way, and the newest of what is not.
fn listed(picture: &Picture) -> Vec<Batch> {
    let mut room = LISTED.saturating_sub(picture.count(Tab::Active));
    let mut wanted = |batch: &&Batch| {
        let ended = !batch.is_running();
        let fits = !ended || room > 0;
        room -= usize::from(ended && fits);
        fits
    };
    picture.batches.iter().filter(|batch| wanted(batch)).cloned().collect()
}

//! The terminal, from the first picture to the last.

use std::{io, time::Duration};

use batch_gpt_actors::rules::time::Millis;
use ratatui::DefaultTerminal;
use tokio::{
    sync::mpsc::{UnboundedSender, unbounded_channel},
    time::{MissedTickBehavior, interval},
};

use super::{
    draw::draw,
    keyboard,
    reading::{Errand, read},
    state::{Event, Monitor, Order},
};
use crate::{client::Api, http::gateway::now, signals::StopSignals, terminal::palette::Palette};

/// How often the times on the screen go on.
const TICK: Duration = Duration::from_millis(250);

/// Shows the monitor until the user or a signal ends it. The terminal is then as it was before, also after a panic.
pub async fn run(api: Api, every: Duration) -> io::Result<()> {
    let signals = StopSignals::catch()?;
    let mut terminal = ratatui::try_init()?;
    let shown = show(&mut terminal, signals, &api, every).await;
    let restored = ratatui::try_restore();
    shown.and(restored)
}

async fn show(
    terminal: &mut DefaultTerminal,
    mut signals: StopSignals,
    api: &Api,
    every: Duration,
) -> io::Result<()> {
    let every = Millis(u64::try_from(every.as_millis()).unwrap_or(u64::MAX));
    let mut monitor = Monitor::new(api.address().to_string(), every, terminal.size()?);
    let palette = Palette::wanted();
    let (sender, mut events) = unbounded_channel();
    keyboard::listen(sender.clone())?;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let event = tokio::select! {
            _ = ticks.tick() => Event::Tick(now().0),
            Some(event) = events.recv() => event,
            _ = signals.next() => return Ok(()),
        };
        match monitor.update(event) {
            Some(Order::Quit) => return Ok(()),
            Some(Order::Read(errand)) => look(api.clone(), errand, sender.clone()),
            None => {}
        }
        terminal.draw(|frame| draw(frame, &monitor, palette))?;
    }
}

/// Looks at the gateway beside the loop, so that keys work even while it does not answer.
fn look(api: Api, errand: Errand, events: UnboundedSender<Event>) {
    actix_rt::spawn(async move {
        let seen = read(&api, &errand).await;
        // The monitor may have been left meanwhile.
        let _ = events.send(Event::Read(seen));
    });
}

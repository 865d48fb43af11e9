//! What the terminal tells.

use std::{io, thread, time::Duration};

use ratatui::{
    crossterm::event::{self, Event as Input},
    layout::Size,
};
use tokio::sync::mpsc::UnboundedSender;

use super::state::Event;

/// How long the thread may go on after nobody listens any more.
const LOOK: Duration = Duration::from_millis(100);

/// Reads keys and changes of size, on a thread of its own because reading them blocks. It ends with its listener, or
/// with the terminal.
pub fn listen(events: UnboundedSender<Event>) -> io::Result<()> {
    let thread = thread::Builder::new().name("keyboard".into());
    thread.spawn(move || while !events.is_closed() && pass_on(&events).is_ok() {})?;
    Ok(())
}

fn pass_on(events: &UnboundedSender<Event>) -> io::Result<()> {
    if !event::poll(LOOK)? {
        return Ok(());
    }
    let told = match event::read()? {
        Input::Key(key) => Some(Event::Key(key)),
        Input::Resize(width, height) => Some(Event::Resized(Size { width, height })),
        _ => None,
    };
    // Who no longer listens is noticed by the loop.
    told.into_iter().for_each(|told| drop(events.send(told)));
    Ok(())
}

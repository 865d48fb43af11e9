//! What the monitor shows, and how that changes.

use batch_gpt_actors::rules::{ids::BatchId, time::Millis};
use ratatui::{
    crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
    layout::{Rect, Size},
};

use super::{
    cursor::Cursor,
    layout::Places,
    picture::Picture,
    reading::{Errand, Reading},
    tab::Tab,
};
use crate::{
    client::{Batch, Fault},
    terminal::{palette::Palette, sheet::sheet},
};

/// Something that happens to the monitor.
#[derive(Debug, Clone)]
pub enum Event {
    /// Time has passed; it is so many milliseconds since 1970 now.
    Tick(u64),
    /// A key.
    Key(KeyEvent),
    /// The screen has another size.
    Resized(Size),
    /// The gateway was looked at.
    Read(Result<Reading, Fault>),
}

/// Something that is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Look at the gateway, and tell by [`Event::Read`].
    Read(Errand),
    /// Leave.
    Quit,
}

/// A gateway that does not answer as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// When that began, in milliseconds since 1970.
    pub since: u64,
    /// Why, as far as it is known.
    pub why: String,
}

/// What takes the place of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum View {
    /// The list.
    List,
    /// All about a batch, from a line on.
    Details(BatchId, usize),
    /// What the keys do.
    Help,
}

/// The monitor.
#[derive(Debug, Clone)]
pub struct Monitor {
    /// Which gateway.
    pub address: String,
    /// Time between two looks.
    pub interval: Millis,
    /// Now, in milliseconds since 1970.
    pub now: u64,
    /// What is known; `None` until the gateway has answered once.
    pub picture: Option<Picture>,
    /// Whether the gateway is lost.
    pub lost: Option<Loss>,
    /// The tab.
    pub tab: Tab,
    /// Words that a batch must have to be shown.
    pub filter: String,
    /// Whether the filter is being typed.
    pub typing: bool,
    /// Place in the list.
    pub cursor: Cursor,
    /// What is shown.
    pub view: View,
    size: Size,
    chosen: Option<BatchId>,
    /// Whether a look is under way.
    looking: bool,
    /// When the next look is due.
    due: u64,
    /// Whether the next look is to read all of it.
    anew: bool,
}

impl Monitor {
    /// A monitor that knows nothing yet.
    pub fn new(address: String, interval: Millis, size: Size) -> Self {
        Self {
            address,
            interval,
            now: 0,
            picture: None,
            lost: None,
            tab: Tab::Active,
            filter: String::new(),
            typing: false,
            cursor: Cursor::default(),
            view: View::List,
            size,
            chosen: None,
            looking: false,
            due: 0,
            anew: true,
        }
    }

    /// Takes in an event. Returns what is to be done about it.
    pub fn update(&mut self, event: Event) -> Option<Order> {
        let order = match event {
            Event::Tick(now) => {
                self.now = now;
                None
            }
            Event::Key(key) if key.kind == KeyEventKind::Release => None,
            Event::Key(key) => self.key(key),
            Event::Resized(size) => {
                self.size = size;
                None
            }
            Event::Read(seen) => {
                self.looking = false;
                self.take(seen);
                None
            }
        };
        self.settle();
        order.or_else(|| self.look())
    }

    /// The batches of the tab that the filter lets pass, newest first.
    pub fn rows(&self) -> Vec<&Batch> {
        let words: Vec<String> = self.filter.split_whitespace().map(str::to_lowercase).collect();
        let batches = self.picture.iter().flat_map(|picture| &picture.batches);
        batches.filter(|batch| self.tab.shows(batch) && has_words(batch, &words)).collect()
    }

    /// The chosen batch.
    pub fn chosen(&self) -> Option<&Batch> {
        self.rows().get(self.cursor.at).copied()
    }

    /// The batch of which all is shown.
    pub fn opened(&self) -> Option<&Batch> {
        match &self.view {
            View::Details(id, _) => self.picture.as_ref()?.batch(id),
            View::List | View::Help => None,
        }
    }

    /// Now, in seconds since 1970.
    pub fn seconds(&self) -> u64 {
        self.now / 1_000
    }

    fn take(&mut self, seen: Result<Reading, Fault>) {
        self.due = self.now.saturating_add(self.interval.0);
        match seen {
            Ok(reading) => {
                self.picture.get_or_insert_default().take(reading);
                self.lost = None;
            }
            Err(fault) => {
                let since = self.lost.as_ref().map_or(self.now, |loss| loss.since);
                self.lost = Some(Loss { since, why: fault.to_string() });
                // It may come back as another one.
                self.anew = true;
            }
        }
    }

    /// The next look, if it is due.
    fn look(&mut self) -> Option<Order> {
        if self.looking || self.now < self.due {
            return None;
        }
        self.looking = true;
        let anew = std::mem::take(&mut self.anew);
        let known = self.picture.as_ref().filter(|_| !anew);
        Some(Order::Read(Errand {
            down_to: known.and_then(Picture::down_to).cloned(),
            opened: self.opened().map(|batch| batch.upstream.id.clone()),
            overview: known.is_none_or(|picture| picture.overview.is_some()),
        }))
    }

    fn key(&mut self, key: KeyEvent) -> Option<Order> {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return (key.code == KeyCode::Char('c')).then_some(Order::Quit);
        }
        if self.typing {
            self.typed(key.code);
            return None;
        }
        match key.code {
            KeyCode::Char('q') => return Some(Order::Quit),
            KeyCode::Char('r') => (self.anew, self.due) = (true, 0),
            code => match self.view {
                View::List => self.key_in_list(code),
                View::Details(..) => self.key_in_details(code),
                View::Help => self.view = View::List,
            },
        }
        None
    }

    fn typed(&mut self, code: KeyCode) {
        match code {
            KeyCode::Char(c) => self.filter.push(c),
            KeyCode::Backspace if self.filter.is_empty() => self.typing = false,
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.filter.clear();
            }
            KeyCode::Up => self.cursor_by(-1),
            KeyCode::Down => self.cursor_by(1),
            _ => return,
        }
        self.chosen = self.chosen().map(|batch| batch.upstream.id.clone());
    }

    fn key_in_list(&mut self, code: KeyCode) {
        let page = isize::try_from(self.height()).unwrap_or(isize::MAX).max(1);
        match code {
            KeyCode::Right | KeyCode::Tab | KeyCode::Char('l') => self.turn_to(self.tab.next()),
            KeyCode::Left | KeyCode::BackTab | KeyCode::Char('h') => self.turn_to(self.tab.previous()),
            KeyCode::Up | KeyCode::Char('k') => self.cursor_by(-1),
            KeyCode::Down | KeyCode::Char('j') => self.cursor_by(1),
            KeyCode::PageUp => self.cursor_by(-page),
            KeyCode::PageDown => self.cursor_by(page),
            KeyCode::Home | KeyCode::Char('g') => self.cursor_by(isize::MIN),
            KeyCode::End | KeyCode::Char('G') => self.cursor_by(isize::MAX),
            KeyCode::Enter => {
                if let Some(batch) = self.chosen() {
                    self.view = View::Details(batch.upstream.id.clone(), 0);
                    // What clients made themselves may have gone on since.
                    self.due = 0;
                }
            }
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Char('?') => self.view = View::Help,
            KeyCode::Esc => self.filter.clear(),
            _ => {}
        }
    }

    fn key_in_details(&mut self, code: KeyCode) {
        let View::Details(_, top) = &mut self.view else {
            return;
        };
        let page = usize::from(Places::of(Rect::from(self.size)).body.height).max(1);
        *top = match code {
            KeyCode::Up | KeyCode::Char('k') => top.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => top.saturating_add(1),
            KeyCode::PageUp => top.saturating_sub(page),
            KeyCode::PageDown => top.saturating_add(page),
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => usize::MAX,
            KeyCode::Esc | KeyCode::Enter | KeyCode::Left | KeyCode::Backspace | KeyCode::Char('h') => {
                self.view = View::List;
                return;
            }
            _ => *top,
        };
    }

    fn turn_to(&mut self, tab: Tab) {
        self.tab = tab;
        self.chosen = None;
        self.cursor = Cursor::default();
    }

    fn cursor_by(&mut self, rows: isize) {
        self.cursor.step(rows);
        self.cursor.keep(self.rows().len(), self.height());
        self.chosen = self.chosen().map(|batch| batch.upstream.id.clone());
    }

    /// Rows of the list on the screen.
    fn height(&self) -> usize {
        Places::of(Rect::from(self.size)).body.height.into()
    }

    /// Makes places true again after something has changed: the cursor stays on its batch as long as that is there.
    fn settle(&mut self) {
        let rows = self.rows();
        let place = rows.iter().position(|batch| Some(&batch.upstream.id) == self.chosen.as_ref());
        let count = rows.len();
        if let Some(place) = place {
            self.cursor.at = place;
        }
        self.cursor.keep(count, self.height());
        self.settle_details();
    }

    fn settle_details(&mut self) {
        let width = usize::from(Places::of(Rect::from(self.size)).page().width);
        let lines = self.opened().map(|batch| sheet(batch, self.seconds(), width, Palette::new(false)).len());
        let height = self.height();
        if let View::Details(_, top) = &mut self.view {
            match lines {
                Some(lines) => *top = (*top).min(lines.saturating_sub(height)),
                None => self.view = View::List,
            }
        }
    }
}

/// Whether each of the words stands somewhere in what is shown of the batch.
fn has_words(batch: &Batch, words: &[String]) -> bool {
    let has = |word: &String| {
        let texts = [&batch.id, &batch.status, &batch.model, &batch.endpoint];
        let metadata = batch.metadata.iter().flat_map(|(name, value)| [name, value]);
        texts.into_iter().chain(metadata).any(|text| text.to_lowercase().contains(word))
    };
    words.iter().all(has)
}

//! Batches on a terminal: what `monitor` and `batches` share.

pub mod bar;
pub mod palette;
pub mod print;
pub mod sheet;
pub mod table;
pub mod wording;

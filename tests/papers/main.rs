//! What goes out beside the program, held against the program: packages and documents.

mod repository;
mod yaml;

mod archive;
mod compose;
mod configuration;
mod confined;
mod image;
mod kubernetes;
mod links;
mod runbook;
mod unit;
mod walkthrough;
mod workflows;

//! A stand-in for the upstream Files and Batch API.

//! The results of single tests, read from what test runners print and write.

//! The stored forms, as other versions of the program will read them.

mod events;

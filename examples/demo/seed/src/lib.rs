//! Says in plain English what a cron expression means, and when it fires next.

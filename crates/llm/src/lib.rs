//! The model gateway: providers, chains with failover, reserve-then-settle budgets, prices.

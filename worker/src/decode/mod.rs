//! A backend's body to data.

use tokio_util::sync::CancellationToken;

/// The wish that work should end. Clones and children see it; it cannot be taken back.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    token: CancellationToken,
}

impl Stop {
    /// A stop of its own, tied to nothing.
    pub fn new() -> Stop {
        Stop::default()
    }

    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Resolves once stop is requested, at once if it was.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }

    /// Stops with this one, and can be cancelled alone.
    pub fn child(&self) -> Stop {
        Stop { token: self.token.child_token() }
    }

    /// Requests stop of this one, its clones and its children.
    pub fn cancel(&self) {
        self.token.cancel();
    }
}

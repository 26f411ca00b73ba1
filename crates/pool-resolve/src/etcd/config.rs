//! The settings of an etcd.

use std::fmt;

/// How etcd is asked, and how its values are read.
///
/// ```
/// use pool_resolve::EtcdConfig;
///
/// let config = EtcdConfig::default().user("pool", "secret").skip_bad_values();
/// assert!(!format!("{config:?}").contains("secret"));
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct EtcdConfig {
    pub(super) user: Option<(String, String)>,
    pub(super) skip_bad_values: bool,
}

impl EtcdConfig {
    /// The user and password for an etcd with authentication.
    pub fn user(self, name: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: Some((name.into(), password.into())), ..self }
    }

    /// Skips keys whose values can't be parsed, as long as there are others. By default one such key fails
    /// the whole answer.
    pub fn skip_bad_values(self) -> Self {
        Self { skip_bad_values: true, ..self }
    }
}

impl fmt::Debug for EtcdConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Passwords don't belong in logs.
        let user = self.user.as_ref().map(|(name, _)| name);
        let mut config = f.debug_struct("EtcdConfig");
        config.field("user", &user).field("skip_bad_values", &self.skip_bad_values).finish()
    }
}

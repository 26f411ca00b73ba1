//! Who puts keys into etcd.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::thread;

use etcd_client::{Client, CompactionOptions, Error, PutOptions, Txn, TxnOp};
use pool_tests::TestResult;
use tokio::runtime::{Builder, Runtime};

/// A client that waits for its answers, on whatever runtime it is used.
pub(super) struct Admin {
    client: Client,
}

/// Of all who do; it can't be dropped where other runtimes are.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("there are threads")
});

impl Admin {
    pub(super) fn new(endpoints: &[String]) -> Result<Self, Error> {
        Ok(Self { client: wait(Client::connect(endpoints, None))? })
    }

    pub(super) fn put(&self, key: impl Into<Vec<u8>> + Send, value: &(impl ToString + ?Sized)) -> TestResult {
        wait(self.client.kv_client().put(key, value.to_string(), None))?;
        Ok(())
    }

    pub(super) fn put_all(&self, pairs: impl IntoIterator<Item = (String, String)>) -> TestResult {
        let puts = pairs.into_iter().map(|(key, value)| TxnOp::put(key, value, None));
        let puts: Vec<TxnOp> = puts.collect();
        // Etcd takes 128 at once.
        for puts in puts.chunks(128) {
            wait(self.client.kv_client().txn(Txn::new().and_then(puts)))?;
        }
        Ok(())
    }

    pub(super) fn delete(&self, key: impl Into<Vec<u8>> + Send) -> TestResult {
        wait(self.client.kv_client().delete(key, None))?;
        Ok(())
    }

    /// A key that goes by itself, in the shortest time there is.
    pub(super) fn put_for_a_while(&self, key: String, value: SocketAddr) -> TestResult {
        let lease = wait(self.client.lease_client().grant(1, None))?.id();
        let options = PutOptions::new().with_lease(lease);
        wait(self.client.kv_client().put(key, value.to_string(), Some(options)))?;
        Ok(())
    }

    /// Forgets all history.
    pub(super) fn compact(&self) -> TestResult {
        let now = wait(self.client.kv_client().get("x", None))?;
        let revision = now.header().ok_or("no header")?.revision();
        let options = CompactionOptions::new().with_physical();
        wait(self.client.kv_client().compact(revision, Some(options)))?;
        Ok(())
    }

    /// From now on etcd wants to know who is there.
    pub(super) fn require_password(&self, password: &str) -> TestResult {
        let mut auth = self.client.auth_client();
        wait(auth.user_add("root", password, None))?;
        wait(auth.role_add("root"))?;
        wait(auth.user_grant_role("root", "root"))?;
        wait(auth.auth_enable())?;
        Ok(())
    }
}

/// A runtime must not wait for another one, but a thread may.
fn wait<T: Send>(future: impl Future<Output = T> + Send) -> T {
    thread::scope(|scope| scope.spawn(|| RUNTIME.block_on(future)).join()).expect("it doesn't panic")
}

//! Who may do what, operation by operation: the golden table, and what holds for every one of them.

use std::fmt::Write;

use actix_web::test::TestRequest;
use domain::permissions::Role;

use crate::support::operations::{Operation, operations};
use crate::support::{App, Caller, both};

async fn status(caller: &Caller, operation: &Operation) -> u16 {
    // Of the right form, and about nothing that exists: only the role can be what is refused with 403.
    let path = operation.at(|name| if name == "number" { "1".into() } else { domain::ids::EventId::new().to_string() });
    let mut request = TestRequest::with_uri(&path).method(operation.method.clone());
    if let Some(kind) = &operation.body {
        request = request.insert_header(("content-type", kind.as_str())).set_payload("{}");
    }
    caller.raw(caller.signed(request)).await.status
}

both! {
    async fn every_operation_without_a_credential_is_refused(app: App) {
        let nobody = app.anyone();
        let secured: Vec<Operation> = operations().into_iter().filter(|operation| operation.secured).collect();
        assert!(secured.len() > 20);
        for operation in secured {
            assert_eq!(status(&nobody, &operation).await, 401, "{} is open", operation.id);
            assert!(operation.responses.contains(&401), "{} does not say that it refuses", operation.id);
        }
    }

    async fn roles_reach_the_operations_that_the_table_shows(app: App) {
        let callers: Vec<(Role, Caller)> = Role::ALL.map(|role| (role, app.caller(role))).into_iter().collect();
        let mut table = format!("{:40} admin editor author contributor moderator\n", "operation");
        for operation in operations().into_iter().filter(|operation| operation.session) {
            let mut line = format!("{:40}", operation.id);
            for (role, caller) in &callers {
                let reached = match status(caller, &operation).await {
                    403 => "no",
                    401 => panic!("{} refuses a live session", operation.id),
                    _ => "yes",
                };
                write!(line, " {reached:width$}", width = role.as_str().len()).unwrap();
            }
            table.push_str(line.trim_end());
            table.push('\n');
        }
        insta::assert_snapshot!("permissions", table);
    }
}

use cordon_sip::{CallId, Contacts, Method, NameAddr, Request, Response, Uri};

/// The phone's side of one dialog (RFC 3261 §12).
pub(crate) struct Dialog {
    pub(crate) call_id: CallId,
    local: NameAddr,
    remote: NameAddr,
    target: Uri,
    route: Vec<NameAddr>,
    cseq: u32,
}

impl Dialog {
    /// The dialog a caller has when its INVITE is answered.
    pub(crate) fn of_caller(invite: &Request, response: &Response) -> Dialog {
        let mut route = response.record_route.clone();
        route.reverse();
        Dialog {
            call_id: invite.call_id.clone(),
            local: invite.from.clone(),
            remote: response.to.clone(),
            target: contact_of(&response.contacts).unwrap_or_else(|| invite.uri.clone()),
            route,
            cseq: invite.cseq,
        }
    }

    /// The dialog a callee has when it answers with this To tag.
    pub(crate) fn of_callee(invite: &Request, tag: &str) -> Dialog {
        Dialog {
            call_id: invite.call_id.clone(),
            local: invite.to.clone().with_tag(tag),
            remote: invite.from.clone(),
            target: contact_of(&invite.contacts).unwrap_or_else(|| invite.from.uri.clone()),
            route: invite.record_route.clone(),
            cseq: 0,
        }
    }

    /// Whether a request is of this dialog: the tags fit.
    pub(crate) fn is_of(&self, request: &Request) -> bool {
        request.call_id == self.call_id
            && request.from.tag() == self.remote.tag()
            && request.to.tag() == self.local.tag()
    }

    /// A re-INVITE or its answer may move the peer (RFC 3261 §12.2).
    pub(crate) fn refresh_target(&mut self, contacts: &Contacts) {
        if let Some(target) = contact_of(contacts) {
            self.target = target;
        }
    }

    /// The next request of this dialog; Via and Contact are the phone's to add.
    pub(crate) fn request(&mut self, method: Method) -> Request {
        self.cseq += 1;
        self.request_numbered(method, self.cseq)
    }

    /// The ACK for the 2xx to the INVITE of this number.
    pub(crate) fn ack(&self, cseq: u32) -> Request {
        self.request_numbered(Method::Ack, cseq)
    }

    fn request_numbered(&self, method: Method, cseq: u32) -> Request {
        let mut request = Request::new(
            method,
            self.target.clone(),
            self.local.clone(),
            self.remote.clone(),
            self.call_id.clone(),
            cseq,
        );
        request.route = self.route.clone();
        request
    }
}

fn contact_of(contacts: &Contacts) -> Option<Uri> {
    contacts.first().map(|contact| contact.uri.clone())
}

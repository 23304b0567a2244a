//! Judges who may do what.

use std::net::SocketAddr;
use std::path::Path;

use crate::access::AccessSettings;
use crate::config::error::{ConfigError, invalid};
use crate::config::settings::Settings;

/// Where it is written who may do what. The files are read when the node starts.
pub(super) fn access(settings: &Settings) -> Result<AccessSettings, ConfigError> {
    let (tokens_file, jwks_file) = (&settings.tokens_file, &settings.jwks_file);
    for (setting, file) in [("tokens-file", tokens_file), ("jwks-file", jwks_file)] {
        if file.as_deref() == Some(Path::new("")) {
            return Err(invalid(setting, "", "name a file, or leave the setting out"));
        }
    }
    let (jwt_issuer, jwt_audience) = (&settings.jwt_issuer, &settings.jwt_audience);
    for (setting, text) in [("jwt-issuer", jwt_issuer), ("jwt-audience", jwt_audience)] {
        let Some(text) = text else { continue };
        if jwks_file.is_none() {
            return Err(invalid(setting, text, "set jwks-file too, the keys of that issuer"));
        }
        if text.is_empty() {
            return Err(invalid(setting, "", "use the text of the JWTs, or leave the setting out"));
        }
    }
    Ok(AccessSettings {
        tokens_file: tokens_file.clone(),
        jwks_file: jwks_file.clone(),
        jwt_issuer: jwt_issuer.clone(),
        jwt_audience: jwt_audience.clone(),
    })
}

/// What to say of an address beyond this machine at which nobody is asked for a token.
pub(super) fn open_door(http: SocketAddr, access: &AccessSettings) -> Option<String> {
    let is_near = http.ip().to_canonical().is_loopback();
    (!is_near && access.is_open()).then(|| {
        format!(
            "whoever reaches {http} can read and change every like and stop this node: set tokens-file or jwks-file, \
             or let only trusted machines reach it"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_beyond_this_machine_without_tokens_is_worth_a_warning() {
        let open = AccessSettings::default();
        let file = Some("file".into());
        let with_tokens = AccessSettings { tokens_file: file.clone(), ..open.clone() };
        let with_keys = AccessSettings { jwks_file: file, ..open.clone() };
        for (address, is_far) in [
            ("127.0.0.1:80", false),
            ("127.1.2.3:80", false),
            ("[::1]:80", false),
            ("[::ffff:127.0.0.1]:80", false),
            ("0.0.0.0:80", true),
            ("[::]:80", true),
            ("10.0.0.1:80", true),
        ] {
            let http = address.parse().unwrap();
            let warning = open_door(http, &open);
            assert_eq!(warning.is_some(), is_far, "{address}");
            assert!(warning.is_none_or(|it| it.contains(address) && it.contains("tokens-file")));
            assert_eq!(open_door(http, &with_tokens), None);
            assert_eq!(open_door(http, &with_keys), None);
        }
    }
}

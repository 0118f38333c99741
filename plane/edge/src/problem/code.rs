//! The codes of the gateway, each with its status and its words in every language: one table.
//!
//! Always holds: each code has a page in docs/errors/ whose title is the English one here (a test compares them).

use super::Language;
use http::StatusCode;

/// What is said of a code: to whoever called, who can seldom see behind the gateway.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// What went wrong, in a few words.
    pub title: &'static str,
    /// What that means.
    pub detail: &'static str,
    /// What to do.
    pub hint: &'static str,
}

/// What stands behind a code.
struct Row {
    status: StatusCode,
    english: [&'static str; 3],
    spanish: [&'static str; 3],
}

macro_rules! row {
    ($code:literal, $status:ident, en: $english:expr, es: $spanish:expr) => {
        Row { status: StatusCode::$status, english: $english, spanish: $spanish }
    };
}

homeostat_vocabulary::codes! {
    /// What the gateway answers itself.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Code, columns row as row -> Row {
        NoRoute = "H0601" { NOT_FOUND,
            en: ["nothing is served here", "No route takes requests for this address.", "Check the address."],
            es: ["aquí no hay nada", "Ninguna ruta atiende peticiones a esta dirección.", "Revise la dirección."]
        },
        BadRequest = "H0602" { BAD_REQUEST,
            en: ["the request cannot be read", "It breaks a rule of HTTP, so that it could mean two things.", "Send it with a client that follows the standard."],
            es: ["la petición no se puede leer", "Incumple una regla de HTTP y podría entenderse de dos maneras.", "Envíela con un cliente que siga el estándar."]
        },
        TooSlow = "H0603" { REQUEST_TIMEOUT,
            en: ["the request came too slowly", "It was not complete when its time was over.", "Send it again; on a slow line, in smaller parts."],
            es: ["la petición llegó demasiado despacio", "No estaba completa cuando se agotó su tiempo.", "Envíela de nuevo; si la línea es lenta, en partes más pequeñas."]
        },
        BodyTooLarge = "H0604" { PAYLOAD_TOO_LARGE,
            en: ["the body is too large", "It is larger than this address takes.", "Send less, or in several parts."],
            es: ["el cuerpo es demasiado grande", "Es mayor de lo que admite esta dirección.", "Envíe menos, o en varias partes."]
        },
        AddressTooLong = "H0605" { URI_TOO_LONG,
            en: ["the address is too long", "The path and the query together are longer than is taken here.", "Send what is in the query as a body."],
            es: ["la dirección es demasiado larga", "La ruta y la consulta juntas superan lo que se admite aquí.", "Envíe en el cuerpo lo que va en la consulta."]
        },
        HeadTooLarge = "H0606" { REQUEST_HEADER_FIELDS_TOO_LARGE,
            en: ["the headers are too large", "There are too many of them, or they are too long.", "Delete the cookies of this site and try again."],
            es: ["las cabeceras son demasiado grandes", "Son demasiadas o demasiado largas.", "Borre las cookies de este sitio e inténtelo de nuevo."]
        },
        NoCredentials = "H0607" { UNAUTHORIZED,
            en: ["it is not known who asks", "This address asks for a key or a token, and the request had none.", "Send the key or the token that you were given."],
            es: ["no se sabe quién pregunta", "Esta dirección pide una clave o un token y la petición no traía ninguno.", "Envíe la clave o el token que recibió."]
        },
        CredentialsRefused = "H0608" { UNAUTHORIZED,
            en: ["the key or token is not accepted", "It is unknown, expired, or meant for something else.", "Get a new one where you got this one."],
            es: ["la clave o el token no se acepta", "Es desconocido, ha caducado o es para otra cosa.", "Pida uno nuevo donde obtuvo este."]
        },
        NotAllowed = "H0609" { FORBIDDEN,
            en: ["this is not allowed to you", "The token is good, but does not allow this.", "Ask whoever gives out the tokens."],
            es: ["no tiene permiso para esto", "El token es válido, pero no permite esto.", "Consulte a quien emite los tokens."]
        },
        TooMany = "H0610" { TOO_MANY_REQUESTS,
            en: ["too many requests", "More requests came than were agreed on.", "Wait as long as Retry-After says, then go on more slowly."],
            es: ["demasiadas peticiones", "Llegaron más peticiones de las acordadas.", "Espere lo que indica Retry-After y continúe más despacio."]
        },
        KeysPending = "H0611" { SERVICE_UNAVAILABLE,
            en: ["tokens cannot be checked just now", "The keys that they are checked with are being fetched.", "Try again in a few seconds with the same token."],
            es: ["ahora no se pueden comprobar los tokens", "Se están obteniendo las claves con las que se comprueban.", "Inténtelo de nuevo en unos segundos con el mismo token."]
        },
        UpstreamFailed = "H0612" { BAD_GATEWAY,
            en: ["the service did not answer properly", "It broke off, or what it said was no answer.", "Try again in a moment."],
            es: ["el servicio no respondió correctamente", "Se interrumpió, o lo que dijo no era una respuesta.", "Inténtelo de nuevo en un momento."]
        },
        UpstreamSilent = "H0613" { GATEWAY_TIMEOUT,
            en: ["the service did not answer in time", "Its answer was not there when the time for this request was over.", "Try again in a moment."],
            es: ["el servicio no respondió a tiempo", "La respuesta no había llegado cuando se agotó el tiempo de esta petición.", "Inténtelo de nuevo en un momento."]
        },
        NoUpstream = "H0614" { SERVICE_UNAVAILABLE,
            en: ["the service is down", "None of its instances works at the moment; it is looked after.", "Try again in a minute."],
            es: ["el servicio no está disponible", "Ninguna de sus instancias funciona en este momento; ya se está atendiendo.", "Inténtelo de nuevo en un minuto."]
        },
        Overloaded = "H0615" { SERVICE_UNAVAILABLE,
            en: ["there is too much to do", "More requests came than can be served, and this one had to make way.", "Try again in a moment."],
            es: ["hay demasiado trabajo", "Llegaron más peticiones de las que se pueden atender y esta tuvo que ceder el paso.", "Inténtelo de nuevo en un momento."]
        },
        Starting = "H0616" { SERVICE_UNAVAILABLE,
            en: ["the service is still starting", "It was asleep, and was not ready when the time for this request was over.", "Try again in a few seconds."],
            es: ["el servicio todavía está arrancando", "Estaba en reposo y no estuvo listo antes de agotarse el tiempo de esta petición.", "Inténtelo de nuevo en unos segundos."]
        },
        Fault = "H0617" { INTERNAL_SERVER_ERROR,
            en: ["the gateway made a mistake", "Something went wrong within the gateway itself.", "Report it with the id of the request."],
            es: ["la pasarela cometió un error", "Algo falló dentro de la propia pasarela.", "Comuníquelo con el identificador de la petición."]
        },
    }
}

impl Code {
    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.row().status
    }

    /// What is said of it.
    #[must_use]
    pub const fn words(self, language: Language) -> Words {
        let [title, detail, hint] = match language {
            Language::English => self.row().english,
            Language::Spanish => self.row().spanish,
        };
        Words { title, detail, hint }
    }
}

"""Headers of rosters: what learning platforms call the columns that say who somebody is."""

from __future__ import annotations

COLUMNS: dict[str, tuple[str, ...]] = {  # accepted headers, in lower case; the best known first
    "name": (
        *("name", "student", "full name", "student name", "user full name", "vollständiger name"),
        *("nom complet", "nombre completo", "nome completo", "volledige naam"),
    ),
    "first": (
        *("first name", "firstname", "first_name", "given name", "vorname", "prénom", "nombre", "nome"),
        "voornaam",
    ),
    "last": (
        *("last name", "lastname", "last_name", "surname", "family name", "nachname", "nom de famille"),
        *("nom", "apellidos", "apellido(s)", "cognome", "sobrenome", "achternaam"),
    ),
    "email": (
        *("email", "e-mail", "email address", "mail", "e-mail-adresse", "adresse de courriel"),
        *("dirección de correo", "indirizzo email", "endereço de email", "e-mailadres"),
    ),
    "login": (
        *("login", "username", "user name", "sis login id", "anmeldename", "nom d'utilisateur"),
        *("nombre de usuario", "identificação de usuário", "gebruikersnaam"),
    ),
    "github": ("github", "github_username", "github username", "github login"),
    "sis": (
        *("id number", "idnumber", "sis user id", "sid", "id-nummer", "numéro d'identification"),
        *("número de id", "número de identificação", "codice identificativo"),
    ),
    "student id": ("student id", "student_id", "matriculation number", "matrikelnummer", "orgdefinedid"),
    "canvas": ("canvas id", "canvas user id"),
    "identifier": (  # of several kinds: the values show which
        *("identifier", "participant", "roster_identifier", "identifiant", "identificador"),
        "identificativo",
    ),
    "id": ("id",),  # Canvas's, Moodle's in German, nbgrader's: the other columns show which
    "section": ("section", "sections", "section name", "group", "groups", "gruppe", "groupe", "grupo"),
    "role": ("role", "roles", "course role", "user role", "enrollment type", "rolle", "rôle", "rôles", "rol"),
    "handed in": (
        *("last modified (submission)", "submitted", "handed in", "zuletzt geändert (abgabe)"),
        *("dernière modification (travail remis)", "última modificación (entrega)"),
        *("última modificação (envio)", "ultima modifica (consegna)"),
    ),
}

# A table with one of these columns is Moodle's grading worksheet: time of the grade, in several languages.
MOODLE_GRADED = (
    *("last modified (grade)", "zuletzt geändert (bewertung)", "dernière modification (note)"),
    *("última modificación (calificación)", "última modificação (nota)", "ultima modifica (valutazione)"),
)

# Words in the names of roles that no student has.
STAFF = (
    *("teacher", "teaching", "ta", "tas", "assistant", "instructor", "observer", "designer", "grader"),
    *("tutor", "staff", "lecturer", "professor", "manager", "admin", "administrator", "owner", "creator"),
    *("reader", "trainer", "dozent", "dozentin", "lehrende", "lehrperson", "enseignant", "profesor"),
    *("docente", "studentview"),  # the last one is the test student's, in Canvas
)


def normalized(header: str) -> str:
    """Return a header in lower case, without surrounding and repeated blanks."""
    return " ".join(header.replace("’", "'").split()).casefold()

-- The directory, schema 1. Runs on SQLite and PostgreSQL, unchanged but for the
-- type of a BIGINT that is the whole primary key (dialect.rowKey).
-- Times are BIGINT microseconds UTC, 0 is "none". JSON is TEXT, '' is "none".
-- name_key is BYTEA, so that both engines compare and sort it byte by byte.

CREATE TABLE users (
    id         BIGINT NOT NULL PRIMARY KEY,
    uid        TEXT NOT NULL UNIQUE,
    kind       TEXT NOT NULL,
    username   TEXT NOT NULL,
    name_key   BYTEA NOT NULL,
    status     TEXT NOT NULL,
    expires    BIGINT NOT NULL DEFAULT 0,
    profile    TEXT NOT NULL DEFAULT '{}',
    attrs      TEXT NOT NULL DEFAULT '{}',
    networks   TEXT NOT NULL DEFAULT '[]',
    source     TEXT NOT NULL,
    rev        BIGINT NOT NULL,
    epoch      BIGINT NOT NULL,
    created    BIGINT NOT NULL,
    updated    BIGINT NOT NULL,
    deleted_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX users_name_key_key ON users (name_key) WHERE status <> 'deleted';
-- Counts people without reading them. An index that begins with kind would be
-- taken for every query, since it is in all of them, and selects nearly all rows.
CREATE INDEX users_people ON users (id, kind, status) WHERE kind = 'person' AND status <> 'deleted';
CREATE INDEX users_updated ON users (updated);
CREATE INDEX users_deleted_at ON users (deleted_at) WHERE deleted_at <> 0;

-- What belonged to a user who was deleted, until it is restored or purged.
CREATE TABLE deleted_users (
    user_id BIGINT NOT NULL PRIMARY KEY,
    kept    TEXT NOT NULL,
    deleted BIGINT NOT NULL
);
CREATE INDEX deleted_users_deleted ON deleted_users (deleted);

CREATE TABLE activity (
    user_id    BIGINT NOT NULL PRIMARY KEY,
    last_login BIGINT NOT NULL
);

CREATE TABLE emails (
    user_id     BIGINT NOT NULL REFERENCES users (id),
    address_key TEXT NOT NULL,
    order_      BIGINT NOT NULL,
    address     TEXT NOT NULL,
    type        TEXT NOT NULL DEFAULT '',
    verified    BOOLEAN NOT NULL DEFAULT FALSE,
    is_primary  BOOLEAN NOT NULL DEFAULT FALSE,
    source      TEXT NOT NULL,
    PRIMARY KEY (user_id, address_key)
);
CREATE INDEX emails_address_key ON emails (address_key);

CREATE TABLE login_names (
    key       TEXT NOT NULL PRIMARY KEY,
    user_id   BIGINT NOT NULL,
    kind      TEXT NOT NULL,
    held_till BIGINT NOT NULL DEFAULT 0,
    held_for  TEXT NOT NULL DEFAULT ''
);
CREATE INDEX login_names_user_id ON login_names (user_id);

CREATE TABLE groups (
    id       BIGINT NOT NULL PRIMARY KEY,
    uid      TEXT NOT NULL UNIQUE,
    name     TEXT NOT NULL,
    name_key BYTEA NOT NULL,
    attrs    TEXT NOT NULL DEFAULT '{}',
    source   TEXT NOT NULL,
    rev      BIGINT NOT NULL,
    created  BIGINT NOT NULL,
    updated  BIGINT NOT NULL
);
CREATE UNIQUE INDEX groups_name_key_key ON groups (name_key);
CREATE INDEX groups_updated ON groups (updated);

CREATE TABLE group_users (
    group_id BIGINT NOT NULL REFERENCES groups (id),
    user_id  BIGINT NOT NULL REFERENCES users (id),
    source   TEXT NOT NULL,
    starts   BIGINT NOT NULL DEFAULT 0,
    ends     BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, group_id, source)
);
-- Has all columns, so that millions of rows are read in order without a look
-- into the table.
CREATE INDEX group_users_group ON group_users (group_id, user_id, source, starts, ends);

CREATE TABLE group_groups (
    parent_id BIGINT NOT NULL REFERENCES groups (id),
    child_id  BIGINT NOT NULL REFERENCES groups (id),
    source    TEXT NOT NULL,
    starts    BIGINT NOT NULL DEFAULT 0,
    ends      BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (parent_id, child_id, source)
);
CREATE INDEX group_groups_child_id ON group_groups (child_id, parent_id);

CREATE TABLE posix_ids (
    number    BIGINT NOT NULL PRIMARY KEY,
    owner_uid TEXT NOT NULL,
    released  BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX posix_ids_owner_uid ON posix_ids (owner_uid);

CREATE TABLE credentials (
    id        BIGINT NOT NULL PRIMARY KEY,
    user_id   BIGINT NOT NULL REFERENCES users (id),
    kind      TEXT NOT NULL,
    label     TEXT NOT NULL DEFAULT '',
    version   BIGINT NOT NULL,
    verifier  TEXT NOT NULL DEFAULT '',
    sealed    BYTEA,
    lookup    BYTEA,
    params    TEXT NOT NULL DEFAULT '',
    app_id    BIGINT NOT NULL DEFAULT 0,
    protocol  TEXT NOT NULL DEFAULT '',
    created   BIGINT NOT NULL,
    last_used BIGINT NOT NULL DEFAULT 0,
    expires   BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX credentials_user_id ON credentials (user_id);
CREATE INDEX credentials_sealed ON credentials (user_id, id) WHERE sealed IS NOT NULL;
CREATE UNIQUE INDEX credentials_lookup_key ON credentials (lookup) WHERE lookup IS NOT NULL;

CREATE TABLE grants (
    user_id BIGINT NOT NULL REFERENCES users (id),
    right_  TEXT NOT NULL,
    expires BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, right_)
);
CREATE INDEX grants_right ON grants (right_);

CREATE TABLE apps (
    id          BIGINT NOT NULL PRIMARY KEY,
    uid         TEXT NOT NULL UNIQUE,
    slug        TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    launch_url  TEXT NOT NULL DEFAULT '',
    policy_mode TEXT NOT NULL,
    require     TEXT NOT NULL DEFAULT '[]',
    builtin     BOOLEAN NOT NULL DEFAULT FALSE,
    source      TEXT NOT NULL,
    rev         BIGINT NOT NULL,
    created     BIGINT NOT NULL,
    updated     BIGINT NOT NULL
);

CREATE TABLE facets (
    id       BIGINT NOT NULL PRIMARY KEY,
    app_id   BIGINT NOT NULL REFERENCES apps (id),
    protocol TEXT NOT NULL,
    key      TEXT NOT NULL DEFAULT '',
    config   TEXT NOT NULL DEFAULT '',
    secret   BYTEA,
    rev      BIGINT NOT NULL
);
CREATE INDEX facets_app_id ON facets (app_id);
CREATE UNIQUE INDEX facets_key_key ON facets (protocol, key) WHERE key <> '';

CREATE TABLE policies (
    id      BIGINT NOT NULL PRIMARY KEY,
    uid     TEXT NOT NULL UNIQUE,
    name    TEXT NOT NULL UNIQUE,
    rule    TEXT NOT NULL,
    ready   TEXT NOT NULL DEFAULT '',
    message TEXT NOT NULL DEFAULT '',
    source  TEXT NOT NULL,
    rev     BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);

CREATE TABLE bindings (
    id       BIGINT NOT NULL PRIMARY KEY,
    app_id   BIGINT NOT NULL REFERENCES apps (id),
    kind     TEXT NOT NULL,
    ref_id   BIGINT NOT NULL,
    ref_name TEXT NOT NULL,
    order_   BIGINT NOT NULL,
    negate   BOOLEAN NOT NULL DEFAULT FALSE,
    disabled BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX bindings_app_id ON bindings (app_id);
CREATE INDEX bindings_ref_id ON bindings (ref_id) WHERE ref_id <> 0;

CREATE TABLE sessions (
    hash       BYTEA NOT NULL PRIMARY KEY,
    user_id    BIGINT NOT NULL,
    epoch      BIGINT NOT NULL,
    auth_time  BIGINT NOT NULL,
    factors    TEXT NOT NULL DEFAULT '[]',
    ip         TEXT NOT NULL DEFAULT '',
    user_agent TEXT NOT NULL DEFAULT '',
    created    BIGINT NOT NULL,
    last_seen  BIGINT NOT NULL DEFAULT 0,
    idle_until BIGINT NOT NULL DEFAULT 0,
    expires    BIGINT NOT NULL DEFAULT 0,
    revoked    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX sessions_user_id ON sessions (user_id, created);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE session_apps (
    session BYTEA NOT NULL,
    app_id  BIGINT NOT NULL,
    sid     TEXT NOT NULL DEFAULT '',
    created BIGINT NOT NULL,
    PRIMARY KEY (session, app_id)
);
CREATE INDEX session_apps_sid ON session_apps (sid) WHERE sid <> '';

CREATE TABLE tokens (
    hash     BYTEA NOT NULL PRIMARY KEY,
    kind     TEXT NOT NULL,
    family   TEXT NOT NULL DEFAULT '',
    session  BYTEA,
    app_id   BIGINT NOT NULL DEFAULT 0,
    user_id  BIGINT NOT NULL DEFAULT 0,
    epoch    BIGINT NOT NULL DEFAULT 0,
    issuer   TEXT NOT NULL DEFAULT '',
    audience TEXT NOT NULL DEFAULT '[]',
    scope    TEXT NOT NULL DEFAULT '[]',
    data     TEXT NOT NULL DEFAULT '',
    created  BIGINT NOT NULL,
    expires  BIGINT NOT NULL DEFAULT 0,
    consumed BIGINT NOT NULL DEFAULT 0,
    revoked  BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX tokens_family ON tokens (family) WHERE family <> '';
CREATE INDEX tokens_session ON tokens (session) WHERE session IS NOT NULL;
CREATE INDEX tokens_user_id ON tokens (user_id) WHERE user_id <> 0;
CREATE INDEX tokens_app_id ON tokens (app_id);
CREATE INDEX tokens_expires ON tokens (expires);

CREATE TABLE consents (
    user_id BIGINT NOT NULL,
    app_id  BIGINT NOT NULL,
    scope   TEXT NOT NULL DEFAULT '[]',
    created BIGINT NOT NULL,
    PRIMARY KEY (user_id, app_id)
);
CREATE INDEX consents_app_id ON consents (app_id);

CREATE TABLE invitations (
    hash     BYTEA NOT NULL PRIMARY KEY,
    user_id  BIGINT NOT NULL DEFAULT 0,
    epoch    BIGINT NOT NULL DEFAULT 0,
    kind     TEXT NOT NULL,
    data     TEXT NOT NULL DEFAULT '',
    created  BIGINT NOT NULL,
    expires  BIGINT NOT NULL,
    consumed BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX invitations_expires ON invitations (expires);

CREATE TABLE signing_keys (
    kid        TEXT NOT NULL PRIMARY KEY,
    use        TEXT NOT NULL,
    alg        TEXT NOT NULL,
    state      TEXT NOT NULL,
    sealed     BYTEA,
    public_key BYTEA,
    not_before BIGINT NOT NULL DEFAULT 0,
    not_after  BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE certificates (
    serial  TEXT NOT NULL PRIMARY KEY,
    kind    TEXT NOT NULL,
    subject TEXT NOT NULL,
    label   TEXT NOT NULL DEFAULT '',
    user_id BIGINT NOT NULL DEFAULT 0,
    created BIGINT NOT NULL DEFAULT 0,
    expires BIGINT NOT NULL DEFAULT 0,
    revoked BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX certificates_user_id ON certificates (user_id) WHERE user_id <> 0;

CREATE TABLE radius_clients (
    id       BIGINT NOT NULL PRIMARY KEY,
    uid      TEXT NOT NULL UNIQUE,
    name     TEXT NOT NULL UNIQUE,
    networks TEXT NOT NULL DEFAULT '[]',
    secret_1 BYTEA,
    secret_2 BYTEA,
    app_id   BIGINT NOT NULL DEFAULT 0,
    config   TEXT NOT NULL DEFAULT '',
    source   TEXT NOT NULL,
    rev      BIGINT NOT NULL,
    created  BIGINT NOT NULL,
    updated  BIGINT NOT NULL
);

CREATE TABLE radius_sessions (
    id                 BIGINT NOT NULL PRIMARY KEY,
    client_id          BIGINT NOT NULL,
    user_id            BIGINT NOT NULL,
    username           TEXT NOT NULL,
    epoch              BIGINT NOT NULL,
    acct_session_id    TEXT NOT NULL DEFAULT '',
    state              TEXT NOT NULL,
    calling_station_id TEXT NOT NULL DEFAULT '',
    called_station_id  TEXT NOT NULL DEFAULT '',
    nas_ip             TEXT NOT NULL DEFAULT '',
    nas_port           TEXT NOT NULL DEFAULT '',
    framed_ip          TEXT NOT NULL DEFAULT '',
    instance           TEXT NOT NULL DEFAULT '',
    local_addr         TEXT NOT NULL DEFAULT '',
    input_octets       BIGINT NOT NULL DEFAULT 0,
    output_octets      BIGINT NOT NULL DEFAULT 0,
    session_time       BIGINT NOT NULL DEFAULT 0,
    terminate_cause    TEXT NOT NULL DEFAULT '',
    accepted           BIGINT NOT NULL,
    updated            BIGINT NOT NULL,
    ended              BIGINT NOT NULL DEFAULT 0,
    nas_id             TEXT NOT NULL DEFAULT '',
    peer               TEXT NOT NULL DEFAULT '',
    admission          TEXT NOT NULL DEFAULT '',
    terms              TEXT NOT NULL DEFAULT '',
    expires            BIGINT NOT NULL DEFAULT 0,
    until              BIGINT NOT NULL DEFAULT 0,
    disconnect         TEXT NOT NULL DEFAULT ''
);
-- A row is written while a device waits to be let in, and each further index is a
-- page more of that commit: ids rise with the time, so that none is in the order of
-- accepted.
CREATE INDEX radius_sessions_user_id ON radius_sessions (user_id, acct_session_id);
CREATE INDEX radius_sessions_calling ON radius_sessions (calling_station_id);
CREATE INDEX radius_sessions_open ON radius_sessions (client_id) WHERE state IN ('accepted', 'started');
CREATE INDEX radius_sessions_ended ON radius_sessions (ended) WHERE ended <> 0;
CREATE INDEX radius_sessions_until ON radius_sessions (until) WHERE until <> 0;

CREATE TABLE radius_accounting (
    id              BIGINT NOT NULL PRIMARY KEY,
    day             BIGINT NOT NULL,
    at              BIGINT NOT NULL,
    client_id       BIGINT NOT NULL,
    session_id      BIGINT NOT NULL DEFAULT 0,
    status          TEXT NOT NULL,
    acct_session_id TEXT NOT NULL DEFAULT '',
    username        TEXT NOT NULL DEFAULT '',
    packet          BYTEA
);
-- Without an index: ids rise with the time, which is how it is cleaned up, and
-- nothing else reads it while a NAS waits.

CREATE TABLE scim_sources (
    id      BIGINT NOT NULL PRIMARY KEY,
    uid     TEXT NOT NULL UNIQUE,
    name    TEXT NOT NULL UNIQUE,
    token_1 BYTEA,
    token_2 BYTEA,
    config  TEXT NOT NULL DEFAULT '',
    source  TEXT NOT NULL,
    rev     BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);

CREATE TABLE scim_targets (
    id      BIGINT NOT NULL PRIMARY KEY,
    uid     TEXT NOT NULL UNIQUE,
    name    TEXT NOT NULL UNIQUE,
    app_id  BIGINT NOT NULL DEFAULT 0,
    config  TEXT NOT NULL DEFAULT '',
    secret  BYTEA,
    seq     BIGINT NOT NULL DEFAULT 0,
    source  TEXT NOT NULL,
    rev     BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);

CREATE TABLE external_ids (
    source      TEXT NOT NULL,
    kind        TEXT NOT NULL,
    external_id TEXT NOT NULL,
    ref         BIGINT NOT NULL,
    PRIMARY KEY (source, kind, external_id)
);
CREATE INDEX external_ids_ref ON external_ids (kind, ref, source);

CREATE TABLE limiter (
    key       TEXT NOT NULL PRIMARY KEY,
    bucket    TEXT NOT NULL,
    user_id   BIGINT NOT NULL DEFAULT 0,
    source    TEXT NOT NULL DEFAULT '',
    count     BIGINT NOT NULL,
    pending   BIGINT NOT NULL DEFAULT 0,
    until     BIGINT NOT NULL DEFAULT 0,
    succeeded BIGINT NOT NULL DEFAULT 0,
    updated   BIGINT NOT NULL
);
CREATE INDEX limiter_user_id ON limiter (user_id);

CREATE TABLE jobs (
    id           BIGINT NOT NULL PRIMARY KEY,
    kind         TEXT NOT NULL,
    key          TEXT NOT NULL DEFAULT '',
    payload      BYTEA,
    run_at       BIGINT NOT NULL,
    attempts     BIGINT NOT NULL DEFAULT 0,
    reserved_for TEXT NOT NULL DEFAULT '',
    reserved_til BIGINT NOT NULL DEFAULT 0,
    lease_owner  TEXT NOT NULL DEFAULT '',
    lease_until  BIGINT NOT NULL DEFAULT 0,
    last_error   TEXT NOT NULL DEFAULT '',
    created      BIGINT NOT NULL
);
CREATE UNIQUE INDEX jobs_key_key ON jobs (key) WHERE key <> '';
CREATE INDEX jobs_run_at ON jobs (run_at);

CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    rev   BIGINT NOT NULL
);

CREATE TABLE audit (
    id       BIGINT NOT NULL PRIMARY KEY,
    at       BIGINT NOT NULL,
    actor    TEXT NOT NULL DEFAULT '',
    via      TEXT NOT NULL DEFAULT '',
    ip       TEXT NOT NULL DEFAULT '',
    verb     TEXT NOT NULL,
    entity   TEXT NOT NULL DEFAULT '',
    ref      BIGINT NOT NULL DEFAULT 0,
    name     TEXT NOT NULL DEFAULT '',
    outcome  TEXT NOT NULL DEFAULT '',
    reason   TEXT NOT NULL DEFAULT '',
    app      TEXT NOT NULL DEFAULT '',
    count    BIGINT NOT NULL DEFAULT 1,
    detail   TEXT NOT NULL DEFAULT '',
    chain    TEXT NOT NULL,
    n        BIGINT NOT NULL,
    segment  BIGINT NOT NULL DEFAULT 0,
    previous BYTEA,
    link     BYTEA
);
CREATE UNIQUE INDEX audit_chain_key ON audit (chain, n);

-- The end of each chain, locked while it grows, with the key of its current
-- hour, and what stands for the events that retention has removed.
CREATE TABLE audit_chains (
    chain        TEXT NOT NULL PRIMARY KEY,
    n            BIGINT NOT NULL,
    link         BYTEA,
    segment      BIGINT NOT NULL DEFAULT 0,
    since        BIGINT NOT NULL DEFAULT 0,
    state        BYTEA,
    mac          BYTEA,
    stub_n       BIGINT NOT NULL DEFAULT 0,
    stub_link    BYTEA,
    stub_segment BIGINT NOT NULL DEFAULT 0,
    stub_cut     BIGINT NOT NULL DEFAULT 0,
    stub_mac     BYTEA
);

-- Where the keys of each chain begin, sealed for who verifies them.
CREATE TABLE audit_roots (
    chain   TEXT NOT NULL,
    segment BIGINT NOT NULL,
    sealed  BYTEA NOT NULL,
    PRIMARY KEY (chain, segment)
);

CREATE TABLE feed (
    one   BIGINT NOT NULL PRIMARY KEY,
    seq   BIGINT NOT NULL,
    epoch BIGINT NOT NULL
);
INSERT INTO feed (one, seq, epoch) VALUES (1, 0, 1);

CREATE TABLE changes (
    seq   BIGINT NOT NULL,
    n     BIGINT NOT NULL,
    at    BIGINT NOT NULL,
    kind  TEXT NOT NULL,
    ref   BIGINT NOT NULL,
    rev   BIGINT NOT NULL,
    users TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (seq, n)
);
CREATE INDEX changes_at ON changes (at);

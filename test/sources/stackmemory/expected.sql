CREATE TABLE frames (
  frame_id        text PRIMARY KEY,
  run_id          text NOT NULL,
  project_id      text NOT NULL,
  parent_frame_id text REFERENCES frames(frame_id) DEFERRABLE INITIALLY DEFERRED,
  depth           integer NOT NULL,
  type            text NOT NULL,
  name            text NOT NULL,
  state           text NOT NULL CHECK (state IN ('active', 'closed', 'suspended')),
  inputs          jsonb,
  outputs         jsonb,
  digest_text     text,
  digest_json     jsonb,
  created_at      timestamptz NOT NULL,
  closed_at       timestamptz
);
CREATE TABLE events (
  event_id   text NOT NULL,
  run_id     text NOT NULL,
  frame_id   text NOT NULL REFERENCES frames(frame_id),
  seq        integer NOT NULL,
  event_type text NOT NULL,
  payload    jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (event_id, created_at)
) PARTITION BY RANGE (created_at);
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE anchors (
  anchor_id  text PRIMARY KEY,
  frame_id   text NOT NULL REFERENCES frames(frame_id),
  project_id text NOT NULL,
  type       text NOT NULL,
  text       text NOT NULL,
  priority   integer NOT NULL,
  metadata   jsonb NOT NULL,
  created_at timestamptz NOT NULL
);

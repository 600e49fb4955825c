-- Group roles, without login: grant them to the logins of your programs. They belong to the whole cluster, so another
-- database may make them at the same moment.
DO $$ BEGIN CREATE ROLE {migrator} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE {writer}   NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE {reader}   NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE {intent}   NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;

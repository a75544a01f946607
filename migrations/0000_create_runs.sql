CREATE TABLE "accuracies" (
	"run_id" uuid NOT NULL,
	"model_id" uuid NOT NULL,
	"clean" jsonb NOT NULL,
	CONSTRAINT "accuracies_run_id_model_id_pk" PRIMARY KEY("run_id","model_id")
);
--> statement-breakpoint
CREATE TABLE "agents" (
	"id" uuid PRIMARY KEY NOT NULL,
	"environment" jsonb,
	"state" text NOT NULL,
	"current_run_id" uuid,
	"message" text,
	"started_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"seen_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "artifacts" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"run_id" uuid NOT NULL,
	"model_id" uuid NOT NULL,
	"image" integer NOT NULL,
	"kind" text NOT NULL,
	"measure" text NOT NULL,
	"shape" integer[] NOT NULL,
	"sha256" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "attack_summaries" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"run_id" uuid NOT NULL,
	"model_id" uuid NOT NULL,
	"key" text NOT NULL,
	"position" integer NOT NULL,
	"summary" jsonb NOT NULL,
	"error" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "blobs" (
	"sha256" text PRIMARY KEY NOT NULL,
	"bytes" bigint NOT NULL,
	"content_type" text NOT NULL,
	"run_id" uuid,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "checkpoints" (
	"run_id" uuid NOT NULL,
	"epoch" integer NOT NULL,
	"sha256" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "checkpoints_run_id_epoch_pk" PRIMARY KEY("run_id","epoch")
);
--> statement-breakpoint
CREATE TABLE "datasets" (
	"name" text PRIMARY KEY NOT NULL,
	"title" text NOT NULL,
	"available" boolean NOT NULL,
	"reason" text,
	"content_hash" text,
	"train_count" integer NOT NULL,
	"test_count" integer NOT NULL,
	"input_shape" integer[] NOT NULL,
	"classes" text[] NOT NULL,
	"normalisation" jsonb NOT NULL,
	"licence" text NOT NULL,
	"source" text NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "image_results" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"run_id" uuid NOT NULL,
	"model_id" uuid NOT NULL,
	"measure" text NOT NULL,
	"image" integer NOT NULL,
	"label" integer NOT NULL,
	"prediction" integer,
	"value" double precision,
	"success" boolean,
	"detail" jsonb
);
--> statement-breakpoint
CREATE TABLE "inequality_summaries" (
	"run_id" uuid NOT NULL,
	"model_id" uuid NOT NULL,
	"measure" text NOT NULL,
	"summary" jsonb NOT NULL,
	"gini" jsonb NOT NULL,
	CONSTRAINT "inequality_summaries_run_id_model_id_measure_pk" PRIMARY KEY("run_id","model_id","measure")
);
--> statement-breakpoint
CREATE TABLE "metrics" (
	"run_id" uuid NOT NULL,
	"series" text NOT NULL,
	"step" integer NOT NULL,
	"value" double precision,
	CONSTRAINT "metrics_run_id_series_step_pk" PRIMARY KEY("run_id","series","step")
);
--> statement-breakpoint
CREATE TABLE "models" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"architecture" text NOT NULL,
	"dataset" text NOT NULL,
	"training_run_id" uuid,
	"weights_sha256" text,
	"weights_bytes" bigint NOT NULL,
	"parameter_count" integer NOT NULL,
	"flops" bigint NOT NULL,
	"normalisation" jsonb NOT NULL,
	"input_shape" integer[] NOT NULL,
	"class_count" integer NOT NULL,
	"final_metrics" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "run_events" (
	"run_id" uuid NOT NULL,
	"seq" integer NOT NULL,
	"attempt" integer NOT NULL,
	"type" text NOT NULL,
	"payload" jsonb NOT NULL,
	"at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "run_events_run_id_seq_pk" PRIMARY KEY("run_id","seq")
);
--> statement-breakpoint
CREATE TABLE "run_models" (
	"run_id" uuid NOT NULL,
	"model_id" uuid NOT NULL,
	"role" text NOT NULL,
	"position" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "run_models_run_id_model_id_role_pk" PRIMARY KEY("run_id","model_id","role")
);
--> statement-breakpoint
CREATE TABLE "runs" (
	"id" uuid PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"status" text DEFAULT 'queued' NOT NULL,
	"config" jsonb NOT NULL,
	"seed" numeric(20,0) NOT NULL,
	"dataset" text NOT NULL,
	"idempotency_key" text,
	"request_hash" text NOT NULL,
	"attempt" integer DEFAULT 0 NOT NULL,
	"failures" integer DEFAULT 0 NOT NULL,
	"agent_id" uuid,
	"last_seq" integer DEFAULT 0 NOT NULL,
	"environment" jsonb,
	"progress" jsonb,
	"sample_set" jsonb,
	"cancel_requested_at" timestamp (3) with time zone,
	"error_code" text,
	"error_message" text,
	"error_details" jsonb,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp (3) with time zone,
	"finished_at" timestamp (3) with time zone,
	CONSTRAINT "runs_status_check" CHECK ("runs"."status" in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
	CONSTRAINT "runs_kind_check" CHECK ("runs"."kind" in ('train', 'attribute', 'inequality', 'attack', 'audit'))
);
--> statement-breakpoint
ALTER TABLE "accuracies" ADD CONSTRAINT "accuracies_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "accuracies" ADD CONSTRAINT "accuracies_model_id_models_id_fk" FOREIGN KEY ("model_id") REFERENCES "public"."models"("id") ON DELETE restrict ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "artifacts" ADD CONSTRAINT "artifacts_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "artifacts" ADD CONSTRAINT "artifacts_model_id_models_id_fk" FOREIGN KEY ("model_id") REFERENCES "public"."models"("id") ON DELETE restrict ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "artifacts" ADD CONSTRAINT "artifacts_sha256_blobs_sha256_fk" FOREIGN KEY ("sha256") REFERENCES "public"."blobs"("sha256") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "attack_summaries" ADD CONSTRAINT "attack_summaries_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "attack_summaries" ADD CONSTRAINT "attack_summaries_model_id_models_id_fk" FOREIGN KEY ("model_id") REFERENCES "public"."models"("id") ON DELETE restrict ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "checkpoints" ADD CONSTRAINT "checkpoints_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "checkpoints" ADD CONSTRAINT "checkpoints_sha256_blobs_sha256_fk" FOREIGN KEY ("sha256") REFERENCES "public"."blobs"("sha256") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "image_results" ADD CONSTRAINT "image_results_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "image_results" ADD CONSTRAINT "image_results_model_id_models_id_fk" FOREIGN KEY ("model_id") REFERENCES "public"."models"("id") ON DELETE restrict ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "inequality_summaries" ADD CONSTRAINT "inequality_summaries_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "inequality_summaries" ADD CONSTRAINT "inequality_summaries_model_id_models_id_fk" FOREIGN KEY ("model_id") REFERENCES "public"."models"("id") ON DELETE restrict ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "metrics" ADD CONSTRAINT "metrics_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "models" ADD CONSTRAINT "models_weights_sha256_blobs_sha256_fk" FOREIGN KEY ("weights_sha256") REFERENCES "public"."blobs"("sha256") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "run_events" ADD CONSTRAINT "run_events_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "run_models" ADD CONSTRAINT "run_models_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "run_models" ADD CONSTRAINT "run_models_model_id_models_id_fk" FOREIGN KEY ("model_id") REFERENCES "public"."models"("id") ON DELETE restrict ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "accuracies_model_id_idx" ON "accuracies" USING btree ("model_id");--> statement-breakpoint
CREATE UNIQUE INDEX "artifacts_key_idx" ON "artifacts" USING btree ("run_id","model_id","image","kind","measure");--> statement-breakpoint
CREATE INDEX "artifacts_model_id_idx" ON "artifacts" USING btree ("model_id");--> statement-breakpoint
CREATE INDEX "artifacts_sha256_idx" ON "artifacts" USING btree ("sha256");--> statement-breakpoint
CREATE UNIQUE INDEX "attack_summaries_key_idx" ON "attack_summaries" USING btree ("run_id","key");--> statement-breakpoint
CREATE INDEX "attack_summaries_model_id_idx" ON "attack_summaries" USING btree ("model_id");--> statement-breakpoint
CREATE INDEX "blobs_run_id_idx" ON "blobs" USING btree ("run_id");--> statement-breakpoint
CREATE INDEX "checkpoints_sha256_idx" ON "checkpoints" USING btree ("sha256");--> statement-breakpoint
CREATE UNIQUE INDEX "image_results_key_idx" ON "image_results" USING btree ("run_id","model_id","measure","image");--> statement-breakpoint
CREATE INDEX "image_results_value_idx" ON "image_results" USING btree ("run_id","measure","value");--> statement-breakpoint
CREATE INDEX "image_results_model_id_idx" ON "image_results" USING btree ("model_id");--> statement-breakpoint
CREATE INDEX "inequality_summaries_model_id_idx" ON "inequality_summaries" USING btree ("model_id");--> statement-breakpoint
CREATE INDEX "models_created_at_id_idx" ON "models" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "models_training_run_id_idx" ON "models" USING btree ("training_run_id");--> statement-breakpoint
CREATE INDEX "models_weights_sha256_idx" ON "models" USING btree ("weights_sha256");--> statement-breakpoint
CREATE INDEX "run_models_model_id_idx" ON "run_models" USING btree ("model_id");--> statement-breakpoint
CREATE UNIQUE INDEX "runs_idempotency_key_idx" ON "runs" USING btree ("idempotency_key");--> statement-breakpoint
CREATE INDEX "runs_created_at_id_idx" ON "runs" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "runs_status_idx" ON "runs" USING btree ("status");
CREATE TABLE "dataset_files" (
	"dataset" text NOT NULL,
	"sha256" text NOT NULL,
	CONSTRAINT "dataset_files_dataset_sha256_pk" PRIMARY KEY("dataset","sha256")
);
--> statement-breakpoint
CREATE TABLE "predictions" (
	"run_id" uuid NOT NULL,
	"model_id" uuid NOT NULL,
	"image" integer NOT NULL,
	"label" integer,
	"top" jsonb NOT NULL,
	CONSTRAINT "predictions_run_id_model_id_image_pk" PRIMARY KEY("run_id","model_id","image")
);
--> statement-breakpoint
CREATE TABLE "run_files" (
	"run_id" uuid NOT NULL,
	"sha256" text NOT NULL,
	"role" text NOT NULL,
	CONSTRAINT "run_files_run_id_sha256_role_pk" PRIMARY KEY("run_id","sha256","role")
);
--> statement-breakpoint
ALTER TABLE "runs" DROP CONSTRAINT "runs_kind_check";--> statement-breakpoint
ALTER TABLE "models" ALTER COLUMN "architecture" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "models" ALTER COLUMN "dataset" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ALTER COLUMN "dataset" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "blobs" ADD COLUMN "uploaded_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "datasets" ADD COLUMN "origin" text DEFAULT 'built-in' NOT NULL;--> statement-breakpoint
ALTER TABLE "datasets" ADD COLUMN "per_class" jsonb;--> statement-breakpoint
ALTER TABLE "datasets" ADD COLUMN "warnings" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "datasets" ADD COLUMN "read_from" jsonb;--> statement-breakpoint
ALTER TABLE "datasets" ADD COLUMN "report" jsonb;--> statement-breakpoint
ALTER TABLE "datasets" ADD COLUMN "run_id" uuid;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "import_run_id" uuid;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "definition_sha256" text;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "format" text;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "file_sha256" text;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "class_names" text[];--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "operators" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "warnings" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "golden" jsonb;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "source" text;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "licence" text;--> statement-breakpoint
ALTER TABLE "dataset_files" ADD CONSTRAINT "dataset_files_dataset_datasets_name_fk" FOREIGN KEY ("dataset") REFERENCES "public"."datasets"("name") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "dataset_files" ADD CONSTRAINT "dataset_files_sha256_blobs_sha256_fk" FOREIGN KEY ("sha256") REFERENCES "public"."blobs"("sha256") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "predictions" ADD CONSTRAINT "predictions_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "predictions" ADD CONSTRAINT "predictions_model_id_models_id_fk" FOREIGN KEY ("model_id") REFERENCES "public"."models"("id") ON DELETE restrict ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "run_files" ADD CONSTRAINT "run_files_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "run_files" ADD CONSTRAINT "run_files_sha256_blobs_sha256_fk" FOREIGN KEY ("sha256") REFERENCES "public"."blobs"("sha256") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "dataset_files_sha256_idx" ON "dataset_files" USING btree ("sha256");--> statement-breakpoint
CREATE INDEX "predictions_model_id_idx" ON "predictions" USING btree ("model_id");--> statement-breakpoint
CREATE INDEX "run_files_sha256_idx" ON "run_files" USING btree ("sha256");--> statement-breakpoint
ALTER TABLE "models" ADD CONSTRAINT "models_definition_sha256_blobs_sha256_fk" FOREIGN KEY ("definition_sha256") REFERENCES "public"."blobs"("sha256") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "blobs_uploaded_at_idx" ON "blobs" USING btree ("uploaded_at");--> statement-breakpoint
CREATE INDEX "models_definition_sha256_idx" ON "models" USING btree ("definition_sha256");--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_kind_check" CHECK ("runs"."kind" in ('train', 'attribute', 'inequality', 'attack', 'audit', 'import-model', 'register-dataset', 'export-model', 'predict'));
/** Path of a blob on this server; what it answers is in blobs.route.ts. */
export function blobUrl(sha256: string): string { return `/blobs/${sha256}`; }

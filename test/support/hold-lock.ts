/** Locks the directory of its argument, says so, and lives until it is killed. */
import { lockDirectory } from "../../services/common/lock.ts";

lockDirectory(process.argv[2]!);
process.stdout.write("locked\n");
setInterval(() => undefined, 1000);

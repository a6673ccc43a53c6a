/** The laboratory reference in a thread of its own: binds, says which port, answers until it is terminated. */

import { parentPort, workerData } from 'node:worker_threads';
import type { FromReferenceWorker, ReferenceWorkerData } from './reference-server.js';
import { ReferenceControls, ReferenceSocket } from './reference-socket.js';

if (parentPort !== null) {
  const port = parentPort;
  const { controls, address, port: wanted, key } = workerData as ReferenceWorkerData;
  const tell = (message: FromReferenceWorker): void => port.postMessage(message);
  ReferenceSocket.open(new ReferenceControls(controls), address, wanted, key).then(
    (socket) => tell({ port: socket.port }),
    (error: unknown) => tell({ failed: error instanceof Error ? error.message : String(error) }),
  );
}

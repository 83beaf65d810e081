import type * as Undici from 'undici'

/** Loading it takes its time, and an application that stores on disk only never needs it. */
export async function loadUndici(): Promise<typeof Undici> {
  // Whichever undici is loaded first carries the global fetch of the process: Node's own must keep that, and it is
  // loaded with the first look at one of its globals.
  void globalThis.Response
  return import('undici')
}

/** The one IPC channel between window and host; it carries messages of the bridge. */
export const CHANNEL = 'podhop:bridge'

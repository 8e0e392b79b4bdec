import '@fontsource/source-sans-3/latin-400.css'
import '@fontsource/source-sans-3/latin-600.css'
import '@fontsource/ibm-plex-mono/latin-400.css'
import '@fontsource/ibm-plex-mono/latin-600.css'
import '@xterm/xterm/css/xterm.css'
import './tokens.css'
import './base.css'
import { mount } from 'svelte'
import App from './App.svelte'
import type { Connect } from './connection/transport.ts'
import { session } from './state/session.svelte.ts'
import { theme } from './state/theme.svelte.ts'

/** Draws the window and keeps it connected. */
export function start(connect: Connect): void {
  theme.show()
  mount(App, { target: document.getElementById('app')! })
  void session.run(connect)
}

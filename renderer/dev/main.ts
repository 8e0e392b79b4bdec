import { start } from '../start.ts'
import { FakeHost } from './host.ts'

declare global {
  interface Window {
    fakeHost: FakeHost
  }
}

/** The window on a made-up host; scenes by query: ?lab&pods=40&nodes=4&fault&forward. */
window.fakeHost = new FakeHost(new URLSearchParams(location.search))
start(() => Promise.resolve(window.fakeHost.transport()))

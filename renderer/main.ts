import { connectToHost } from './connection/transport.ts'
import { start } from './start.ts'

start(connectToHost)

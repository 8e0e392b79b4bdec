export { pause, programName, TcpStream, type SocketError } from '../../engine/cluster.ts'

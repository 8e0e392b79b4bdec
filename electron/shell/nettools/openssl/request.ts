import { decodeUtf8, DerError, type Process, type Task } from '../../../engine/cluster.ts'
import { type SigningRequest, signingRequestOf } from '../../../engine/programs/tls/signing-request.ts'
import { OpensslError, readFile, shownName } from './options.ts'
import { ALGORITHMS, block, describeKey, extensions } from './describe.ts'

/** The request of a file, or of what is typed. */
export function* readRequest(process: Process, path: string | undefined): Task<SigningRequest> {
  if (path !== undefined && !process.fs.exists(process.resolve(path))) throw new OpensslError(`Can't open "${path}" for reading, No such file or directory\nUnable to load X509 request`)
  const text = path === undefined ? decodeUtf8(yield* process.readAll()) : readFile(process, path)
  try {
    const found = signingRequestOf(text)
    if (found) return found
  } catch (error) {
    if (!(error instanceof DerError)) throw error
  }
  throw new OpensslError('Unable to load X509 request')
}

/** openssl req -text. */
export function describeRequest(request: SigningRequest): string {
  const asked = extensions({ ...request, isCa: true }, '                ')
  const signature = Array.from(request.signature, (b) => b.toString(16).padStart(2, '0')).join('')
  return `Certificate Request:
    Data:
        Version: 1 (0x0)
        Subject: ${shownName(request.subject)}
        Subject Public Key Info:
${describeKey(request)}        Attributes:
${asked.length === 0 ? '            (none)\n' : ''}            Requested Extensions:
${asked.join('')}    Signature Algorithm: ${ALGORITHMS[request.signatureAlgorithm] ?? request.signatureAlgorithm}
    Signature Value:
${block(signature, 18, '        ')}`
}

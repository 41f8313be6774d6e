/** Server reflection, from which tools such as grpcurl learn the services. */
import type { ByteBudget } from '../../body.js';
import { type DescribedFile, type DescribedFiles, describeFiles } from './file-descriptors.js';
import { GRPC, type GrpcCall } from './grpc-call.js';
import type { Handler } from './grpc-server.js';
import {
  PROTO_ROOT,
  type ReflectionRequest,
  type ReflectionResponse,
  reflectionRequest,
  reflectionResponse,
} from './messages.js';

const MAX_REQUEST_BYTES = 4096;
/** For one stream. A tool asks a few for each service. */
const MAX_QUESTIONS = 1000;

export class Reflection {
  readonly handlers: ReadonlyMap<string, Handler> = new Map<string, Handler>([
    ['/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', (call) => this.#serve(call)],
    ['/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo', (call) => this.#serve(call)],
  ]);
  readonly #services: readonly string[];
  readonly #budget: ByteBudget;
  readonly #open = new Set<GrpcCall>();
  /** Built on demand: most processes are never asked. */
  #files: DescribedFiles | undefined;

  /** `services`: the full names to list. */
  constructor(services: readonly string[], budget: ByteBudget) {
    this.#services = services;
    this.#budget = budget;
  }

  /** Ends all streams. */
  close(): void {
    for (const call of this.#open) call.fail(GRPC.UNAVAILABLE, 'the server stops');
  }

  async #serve(call: GrpcCall): Promise<void> {
    this.#open.add(call);
    try {
      await this.#answerAll(call);
    } finally {
      this.#open.delete(call);
    }
  }

  async #answerAll(call: GrpcCall): Promise<void> {
    this.#files ??= describeFiles(PROTO_ROOT);
    let questions = 0;
    for await (const message of call.messages(MAX_REQUEST_BYTES, this.#budget)) {
      questions++;
      if (questions > MAX_QUESTIONS) {
        return call.fail(GRPC.RESOURCE_EXHAUSTED, `a stream may ask ${MAX_QUESTIONS} questions`);
      }
      const request = reflectionRequest.decode(message);
      if (request === undefined) {
        return call.fail(GRPC.INVALID_ARGUMENT, 'expected a ServerReflectionRequest');
      }
      call.write(reflectionResponse.encode(answer(request, this.#services, this.#files)));
      // A client that does not read is not served any further.
      if (!(await call.drained())) return call.reset();
    }
    call.end();
  }
}

function answer(
  request: ReflectionRequest,
  services: readonly string[],
  files: DescribedFiles,
): ReflectionResponse {
  const common = { validHost: request.host, originalRequest: request };
  switch (request.messageRequest) {
    case 'listServices':
      return { ...common, listServicesResponse: { service: services.map((name) => ({ name })) } };
    case 'fileByFilename':
      return { ...common, ...described(files, files.byName.get(request.fileByFilename ?? '')) };
    case 'fileContainingSymbol':
      return { ...common, ...described(files, findSymbol(files, request.fileContainingSymbol ?? '')) };
    default:
      // proto3 has no extensions.
      return { ...common, errorResponse: { errorCode: GRPC.NOT_FOUND, errorMessage: 'not found' } };
  }
}

/** A field or method is found in what contains it. */
function findSymbol({ bySymbol }: DescribedFiles, symbol: string): DescribedFile | undefined {
  return bySymbol.get(symbol) ?? bySymbol.get(symbol.slice(0, Math.max(0, symbol.lastIndexOf('.'))));
}

/** The file, followed by all that it imports. */
function described(
  { byName }: DescribedFiles,
  file: DescribedFile | undefined,
): Pick<ReflectionResponse, 'fileDescriptorResponse' | 'errorResponse'> {
  if (file === undefined) return { errorResponse: { errorCode: GRPC.NOT_FOUND, errorMessage: 'not found' } };
  const wanted = new Set([file]);
  for (const { imports } of wanted) {
    for (const name of imports) {
      const imported = byName.get(name);
      if (imported !== undefined) wanted.add(imported);
    }
  }
  return { fileDescriptorResponse: { fileDescriptorProto: [...wanted].map(({ bytes }) => bytes) } };
}

/** Server reflection: tools such as grpcurl learn from it what is spoken here. */
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

/** `services`: whole names, as they are listed. */
export function reflectionHandlers(
  services: readonly string[],
  budget: ByteBudget,
): ReadonlyMap<string, Handler> {
  let files: DescribedFiles | undefined;
  const handle = async (call: GrpcCall): Promise<void> => {
    // Most processes are never asked.
    files ??= describeFiles(PROTO_ROOT);
    for await (const message of call.messages(MAX_REQUEST_BYTES, budget)) {
      const request = reflectionRequest.decode(message);
      if (request === undefined)
        return call.fail(GRPC.INVALID_ARGUMENT, 'expected a ServerReflectionRequest');
      call.write(reflectionResponse.encode(answer(request, services, files)));
    }
    call.end();
  };
  return new Map([
    ['/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', handle],
    ['/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo', handle],
  ]);
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
      // There are no extensions in proto3.
      return { ...common, errorResponse: { errorCode: GRPC.NOT_FOUND, errorMessage: 'not found' } };
  }
}

/** A field or a method is found with what it belongs to. */
function findSymbol({ bySymbol }: DescribedFiles, symbol: string): DescribedFile | undefined {
  return bySymbol.get(symbol) ?? bySymbol.get(symbol.slice(0, Math.max(0, symbol.lastIndexOf('.'))));
}

/** The file, and behind it all that it imports. */
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

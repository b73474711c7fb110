package objectstore

import (
	"context"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"scalable-backend/services/internal/tracing"
)

// traced makes a span of each operation, its repeats included, below the span of whoever asks; without one there is none. It
// names operation and bucket alone: a URL may be a credential.
func traced(bucket string) func(*s3.Options) {
	return func(o *s3.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Span", func(
				ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
			) (middleware.InitializeOutput, middleware.Metadata, error) {
				operation := awsmiddleware.GetOperationName(ctx)
				ctx, span := tracing.Child(ctx, "S3 "+operation, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
					attribute.String("rpc.system", "aws-api"), attribute.String("rpc.method", operation), attribute.String("aws.s3.bucket", bucket)))
				out, metadata, err := next.HandleInitialize(ctx, in)
				tracing.End(span, err)
				return out, metadata, err
			}), middleware.After)
		})
	}
}
